import { toHex } from '#runtime';
import type { Point } from './batch.ts';
import { type Chain, type ChainKey, type Chains, chainKeyOf } from './chains.ts';
import type { ChainHeads } from './heads.ts';

/** What a peer lacks of one chain. */
export interface Lacking {
  readonly chain: Chain;
  /** It holds everything below. */
  readonly fromSeq: number;
  /** Hashes from `fromSeq` on that it holds all the same. */
  readonly held: ReadonlySet<string>;
}

/**
 * What a peer with `heads` lacks of `chain`; undefined when nothing, or when it must first tell more: its tip is beyond
 * all that is held here, so it will send what this side lacks, and then both know.
 */
export function lackingOf(chains: Chains, chain: Chain, heads: ChainHeads | undefined): Lacking | undefined {
  const top = chain.tips.at(-1)?.seq ?? 0;
  const tips = heads?.tips ?? [];
  const isAhead = tips.some((tip) => tip.seq > top);
  if (isAhead) return undefined;
  const known = [...tips, ...(heads?.trail ?? [])].filter((point) => chains.has(chain, point));
  const line = chain.forkSeq ?? Number.POSITIVE_INFINITY;
  const held = new Set<string>();
  let fromSeq = 0;
  for (const point of known) {
    fromSeq = Math.max(fromSeq, Math.min(point.seq + 1, line));
    for (const batch of point.seq < line ? [] : chains.ancestry(chain, point, line)) held.add(toHex(batch.hash));
  }
  const isLine = chain.forkSeq === undefined;
  const hasAll = isLine ? fromSeq > top : chain.tips.every((tip) => held.has(toHex(tip.hash)));
  return hasAll ? undefined : { chain, fromSeq, held };
}

/** The heads by chain. */
export function headsByChain(heads: readonly ChainHeads[]): Map<ChainKey, ChainHeads> {
  return new Map(heads.map((chain) => [chainKeyOf(chain.siteId, chain.incarnationId), chain]));
}

/** True when `point` of a chain is among what its owner is known to hold. */
export function isHeld(lacking: Lacking, point: Point): boolean {
  return point.seq < lacking.fromSeq || lacking.held.has(toHex(point.hash));
}
