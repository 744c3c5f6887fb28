import { toHex } from '#runtime';
import { decodeSignedBatch, type SignedBatch } from './batch.ts';
import { type Chain, type ChainKey, type Chains, chainKeyOf, type IndexedBatch } from './chains.ts';
import { type ChainHeads, type Scope, sortedChains } from './heads.ts';
import { headsByChain, isHeld, type Lacking, lackingOf } from './lacking.ts';
import { LogReader, logPath } from './log-files.ts';
import type { KeyTrust } from './trust.ts';

export interface StreamPorts {
  readonly folder: string;
  readonly chains: Chains;
  readonly trust: KeyTrust;
  /** The site that streams: whoever reads it knows its key. */
  readonly ownSiteId: Uint8Array;
}

// Index rows looked up at a time.
const pageBatches = 64;

/** Reads one chain's batches that a peer lacks, in order. */
class Cursor {
  readonly chain: Chain;
  readonly #chains: Chains;
  readonly #lacking: Lacking;
  readonly #path: string;
  #page: IndexedBatch[];
  #next: SignedBatch | undefined;
  #reader: LogReader | undefined;
  #sentSeq: number;

  constructor({ folder, chains }: StreamPorts, lacking: Lacking) {
    this.chain = lacking.chain;
    this.#chains = chains;
    this.#lacking = lacking;
    this.#path = logPath(folder, { ...this.chain, number: this.chain.statement.number });
    this.#page = chains.batchesFrom(this.chain, lacking.fromSeq, pageBatches);
    this.#sentSeq = lacking.fromSeq - 1;
  }

  /** The next batch, which stays the next until `shift`; undefined at the end. */
  async peek(): Promise<SignedBatch | undefined> {
    while (this.#next === undefined) {
      const place = this.#page.shift();
      if (place === undefined) return undefined;
      if (this.#page.length === 0) this.#page = this.#chains.batchesAfter(this.chain, place, pageBatches);
      if (isHeld(this.#lacking, place)) continue;
      this.#reader ??= await LogReader.open(this.#path);
      this.#next = decodeSignedBatch(await this.#reader.read(place));
    }
    return this.#next;
  }

  shift(): void {
    this.#sentSeq = this.#next?.seq ?? this.#sentSeq;
    this.#next = undefined;
  }

  /** True when the peer has, or was sent, the batch of this seq. */
  covers(seq: number): boolean {
    return seq <= this.#sentSeq;
  }

  async close(): Promise<void> {
    await this.#reader?.[Symbol.asyncDispose]();
  }
}

/**
 * What a peer with `heads` lacks, each batch after the one it follows and, as far as possible, after those that its
 * writer had seen and after the one that makes its writer's key known. At most one batch a chain is in memory.
 */
export async function* streamLacking(
  ports: StreamPorts,
  heads: readonly ChainHeads[],
  scope: Scope,
): AsyncGenerator<SignedBatch> {
  const byChain = headsByChain(heads);
  const cursors = new Map<ChainKey, Cursor>();
  for (const chain of sortedChains(ports.chains, scope)) {
    const lacking = lackingOf(ports.chains, chain, byChain.get(chain.key));
    if (lacking !== undefined) cursors.set(chain.key, new Cursor(ports, lacking));
  }
  try {
    for (const start of [...cursors.values()].sort(byNumber)) {
      for (let batch = await start.peek(); batch !== undefined; batch = await start.peek()) {
        const ready = await readiest(ports, cursors, start);
        const next = await ready.peek();
        if (next === undefined) continue;
        ready.shift();
        yield next;
      }
    }
  } finally {
    for (const cursor of cursors.values()) await cursor.close();
  }
}

/** Follows what `start`'s next batch builds on to a chain whose next batch builds on nothing that is still to come. */
async function readiest(ports: StreamPorts, cursors: ReadonlyMap<ChainKey, Cursor>, start: Cursor): Promise<Cursor> {
  const passed = new Set<Cursor>();
  let at = start;
  for (;;) {
    passed.add(at);
    const batch = await at.peek();
    let before: Cursor | undefined;
    for (const { chainKey, seq } of batch === undefined ? [] : causesOf(ports, cursors, at, batch)) {
      const cursor = cursors.get(chainKey);
      // Circles are cut where they close: seeing is a wish, only the chain's own order is a must.
      if (cursor === undefined || passed.has(cursor) || cursor.covers(seq)) continue;
      if ((await cursor.peek()) === undefined) continue;
      before = cursor;
      break;
    }
    if (before === undefined) return at;
    at = before;
  }
}

/** What should come before a batch, the most needed first. */
function causesOf(
  { trust, ownSiteId }: StreamPorts,
  cursors: ReadonlyMap<ChainKey, Cursor>,
  cursor: Cursor,
  batch: SignedBatch,
): { readonly chainKey: ChainKey; readonly seq: number }[] {
  const causes: { chainKey: ChainKey; seq: number }[] = [];
  if (batch.seq === 0) {
    const { cut } = cursor.chain.statement;
    if (cut !== undefined) causes.push({ chainKey: chainKeyOf(batch.siteId, cut.incarnationId), seq: cut.seq });
    if (toHex(batch.siteId) !== toHex(ownSiteId)) {
      const vouchers = trust.vouchersOf(batch.siteId);
      const isCovered = vouchers.some(({ chainKey, seq }) => cursors.get(chainKey)?.covers(seq) ?? true);
      if (!isCovered) causes.push(...vouchers);
    }
  }
  for (const head of batch.headsSeen) {
    causes.push({ chainKey: chainKeyOf(head.siteId, head.incarnationId), seq: head.seq });
  }
  return causes;
}

function byNumber(a: Cursor, b: Cursor): number {
  return a.chain.statement.number - b.chain.statement.number || (a.chain.key < b.chain.key ? -1 : 1);
}
