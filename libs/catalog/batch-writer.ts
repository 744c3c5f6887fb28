import { type Clock, toHex } from '#runtime';
import { type Batch, type Head, signBatch } from './batch.ts';
import { encodeBody } from './body-codec.ts';
import { type Chain, type ChainKey, type Chains, openingHash } from './chains.ts';
import type { CatalogEntry, IncarnationOpened } from './entries.ts';
import { everything, sortedChains } from './heads.ts';
import type { Admitted } from './ingest.ts';
import { catalogLimits } from './limits.ts';
import type { BodySealer, Signer } from './ports.ts';

/** An append that waits for its batch. */
export interface Waiting {
  readonly entries: readonly CatalogEntry[];
  /** So many of them are in batches. */
  taken: number;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
}

export interface BatchWriterPorts {
  readonly chains: Chains;
  readonly sealer: BodySealer;
  readonly clock: Clock;
}

// Leaves room for as many heads as a batch may list.
const bodiesBytesMax = 262_144;

/** Makes the batches of this site's log. */
export class BatchWriter {
  readonly #ports: BatchWriterPorts;
  /** The tips of other chains as this site's last batch has named them; a restart names all anew. */
  readonly #named = new Map<ChainKey, string>();
  #isFirst = true;

  constructor(ports: BatchWriterPorts) {
    this.#ports = ports;
  }

  /** The next batch of `chain` with as many of the waiting entries as fit; takes them out of `queue`. */
  next(chain: Chain, queue: Waiting[], signer: Signer): { readonly admitted: Admitted; readonly finished: Waiting[] } {
    const tip = chain.tips.at(-1);
    const seq = (tip?.seq ?? -1) + 1;
    const place = { siteId: chain.siteId, incarnationId: chain.incarnationId, seq };
    const bodies: Uint8Array[] = [];
    const finished: Waiting[] = [];
    let bytes = 0;
    let isMembership = false;
    while (queue[0] !== undefined && bodies.length < catalogLimits.bodies && bytes < bodiesBytesMax) {
      const waiting = queue[0];
      const entry = waiting.entries[waiting.taken];
      if (entry !== undefined) {
        const body = encodeBody(entry, { ...place, index: bodies.length }, this.#ports.sealer);
        bodies.push(body);
        bytes += body.length;
        isMembership ||= entry.kind === 'memberAdded' || entry.kind === 'memberRemoved';
        waiting.taken += 1;
      }
      if (waiting.taken >= waiting.entries.length) finished.push(...queue.splice(0, 1));
    }
    const previousHash = tip?.hash ?? openingHash(chain.statement);
    const batch = this.#batch(
      { ...place, incarnationNumber: chain.statement.number, previousHash },
      bodies,
      isMembership,
    );
    return { admitted: { batch: signBatch(batch, signer), opening: undefined }, finished };
  }

  /** The first batch of an incarnation that is not held yet. */
  first(place: Omit<BatchPlace, 'seq'>, opening: IncarnationOpened, signer: Signer): Admitted {
    const body = encodeBody(opening, { ...place, seq: 0, index: 0 }, this.#ports.sealer);
    const batch = this.#batch({ ...place, seq: 0 }, [body], true);
    return { batch: signBatch(batch, signer), opening };
  }

  /** A batch was not written: the next one names all heads again. */
  lost(): void {
    this.#isFirst = true;
  }

  #batch(place: BatchPlace, bodies: readonly Uint8Array[], wantsAll: boolean): Batch {
    const allHeads = wantsAll || this.#isFirst;
    const nowMs = this.#ports.clock.nowMs();
    const wallSeconds = Math.floor(nowMs / 1000);
    const wallNanos = Math.floor((nowMs - wallSeconds * 1000) * 1e6);
    this.#isFirst = false;
    return { ...place, headsSeen: this.#headsSeen(place, allHeads), allHeads, wallSeconds, wallNanos, bodies };
  }

  #headsSeen(place: BatchPlace, all: boolean): Head[] {
    const heads: Head[] = [];
    for (const { key, siteId, incarnationId, tips } of sortedChains(this.#ports.chains, everything)) {
      if (toHex(incarnationId) === toHex(place.incarnationId)) continue;
      const named = tips.map((tip) => `${tip.seq}-${toHex(tip.hash)}`).join();
      if (!all && this.#named.get(key) === named) continue;
      if (heads.length + tips.length > catalogLimits.headsSeen) break;
      heads.push(...tips.map(({ seq, hash }) => ({ siteId, incarnationId, seq, hash })));
      this.#named.set(key, named);
    }
    return heads;
  }
}

type BatchPlace = Pick<Batch, 'siteId' | 'incarnationId' | 'incarnationNumber' | 'seq' | 'previousHash'>;
