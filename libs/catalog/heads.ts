import type { IncarnationId, SiteId } from '#model';
import { concatBytes } from '#runtime';
import { sha256Of } from '#wire';
import type { Head, Point } from './batch.ts';
import type { Chain, Chains } from './chains.ts';
import { catalogLimits } from './limits.ts';

/** What somebody holds of one incarnation. */
export interface ChainHeads {
  readonly siteId: SiteId;
  readonly incarnationId: IncarnationId;
  /** One, or several where the chain forks. */
  readonly tips: readonly Point[];
  /** Points before, ever further apart: a common one is found even when the tips are not known to the other. */
  readonly trail: readonly Point[];
}

/** Chooses logs: a blind peer gets those of full members and its own, nobody else's. */
export type Scope = (siteId: SiteId) => boolean;

export const everything: Scope = () => true;

const digestLabel = new Uint8Array(Buffer.from('sitepair catalog digest v1\0', 'latin1'));
// A point and its field's header in a message, at most.
const pointMessageBytes = 48;
const chainMessageBytes = 48;

/** The chains of a scope in memcmp order of site id, incarnation id. */
export function sortedChains(chains: Chains, scope: Scope): Chain[] {
  return [...chains.all()].filter((chain) => scope(chain.siteId)).sort((a, b) => (a.key < b.key ? -1 : 1));
}

/** The tips of all chains, one head each, in memcmp order of site id, incarnation id, then by seq and hash. */
export function headsOf(chains: Chains, scope: Scope): Head[] {
  return sortedChains(chains, scope).flatMap(({ siteId, incarnationId, tips }) =>
    tips.map(({ seq, hash }) => ({ siteId, incarnationId, seq, hash })),
  );
}

/** SHA-256 over the heads: equal when, and only when, the same batches are held (CATALOG.md section 5). 32 bytes. */
export function digestOf(heads: readonly Head[]): Uint8Array {
  const parts: Uint8Array[] = [digestLabel];
  for (const { siteId, incarnationId, seq, hash } of heads) {
    const number = Buffer.alloc(8);
    number.writeBigUInt64LE(BigInt(seq));
    parts.push(siteId, incarnationId, number, hash);
  }
  return new Uint8Array(sha256Of([concatBytes(parts)]));
}

/** Heads with trails, as a peer needs them to send what is lacking; they fit one message. */
export function chainHeadsOf(chains: Chains, scope: Scope): ChainHeads[] {
  const held = sortedChains(chains, scope);
  const fixed = held.reduce((sum, chain) => sum + chainMessageBytes + pointMessageBytes * chain.tips.length, 0);
  const room = (catalogLimits.messageBytes / 2 - fixed) / pointMessageBytes / Math.max(1, held.length);
  const trailLength = Math.max(0, Math.min(catalogLimits.trail, Math.floor(room)));
  return held.map((chain) => ({
    siteId: chain.siteId,
    incarnationId: chain.incarnationId,
    tips: chain.tips,
    trail: trailOf(chains, chain, trailLength),
  }));
}

/** 1, 2, 4, ... batches before the highest tip; on a fork, from the last common batch on. */
function trailOf(chains: Chains, chain: Chain, lengthMax: number): Point[] {
  const top = chain.forkSeq ?? chain.tips.at(-1)?.seq ?? 0;
  const trail: Point[] = [];
  for (let step = 1; top - step >= 0 && trail.length < lengthMax; step *= 2) {
    const batch = chains.lineBatch(chain, top - step);
    if (batch !== undefined) trail.push({ seq: batch.seq, hash: batch.hash });
  }
  return trail;
}
