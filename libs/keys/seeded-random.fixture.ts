import { createHash } from 'node:crypto';
import type { Random } from '#runtime';

/** Repeatable chance for tests: SHAKE-128 of the seed and a counter. */
export function seededRandom(seed: string): Random {
  let draws = 0;
  const draw = (count: number) =>
    new Uint8Array(createHash('shake128', { outputLength: count }).update(`${seed}/${draws++}`).digest());
  return { bytes: draw, fraction: () => Buffer.from(draw(6)).readUIntBE(0, 6) / 2 ** 48 };
}
