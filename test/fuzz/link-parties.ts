import { createIdentity, type SiteIdentity } from '#keys';
import { SeededRandom } from './seeded-random.ts';

/** Two sites that are paired, the same in every run: what was captured once of their handshakes stays true. */
export function linkParties(): {
  readonly dialler: SiteIdentity;
  readonly answerer: SiteIdentity;
  readonly psk: Uint8Array;
} {
  const random = new SeededRandom('link', 1);
  return { dialler: createIdentity(random), answerer: createIdentity(random), psk: random.bytes(32) };
}
