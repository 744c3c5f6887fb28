import { equalBytes, isAppError } from '#runtime';
import { decodeSignedBatch, type Point } from './batch.ts';
import { type ChainKey, chainKeyOf } from './chains.ts';
import type { ChainHeads } from './heads.ts';
import { headsByChain } from './lacking.ts';
import { catalogLimits } from './limits.ts';
import type { HeadsMessage } from './sync-messages.ts';

/** What the other end of an exchange is known to hold: its last heads, and what it has sent since. */
export class PeerState {
  readonly heads: HeadsMessage;
  readonly #chains: Map<ChainKey, ChainHeads>;

  constructor(heads: HeadsMessage) {
    this.heads = heads;
    this.#chains = headsByChain(heads.chains);
  }

  chains(): ChainHeads[] {
    return [...this.#chains.values()];
  }

  /** Notes that the peer holds a batch, since it has sent it. What is no batch is refused elsewhere. */
  holds(signedBytes: Uint8Array): void {
    let batch: ReturnType<typeof decodeSignedBatch>;
    try {
      batch = decodeSignedBatch(signedBytes);
    } catch (error) {
      if (isAppError(error)) return;
      throw error;
    }
    const { siteId, incarnationId, seq, previousHash } = batch;
    const key = chainKeyOf(siteId, incarnationId);
    const known = this.#chains.get(key) ?? { siteId, incarnationId, tips: [], trail: [] };
    const others = known.tips.filter((tip) => !isBefore(tip, seq, previousHash) && !equalBytes(tip.hash, batch.hash));
    const tips = [...others, { seq, hash: new Uint8Array(batch.hash) }].slice(-catalogLimits.tips);
    this.#chains.set(key, { ...known, tips });
  }
}

function isBefore(tip: Point, seq: number, previousHash: Uint8Array): boolean {
  return tip.seq + 1 === seq && equalBytes(tip.hash, previousHash);
}
