import type { IncarnationId, SiteId } from '#model';
import { concatBytes, equalBytes, toHex } from '#runtime';
import type { Point, SignedBatch } from './batch.ts';
import type { IncarnationOpened, IncarnationStatement } from './entries.ts';
import { noHash } from './limits.ts';
import type { FramePlace } from './log-frame.ts';
import { decodeIncarnationStatement } from './statements.ts';
import { keyOf, order64, Table } from './view-keys.ts';
import type { ViewStore } from './view-store.ts';

/** The name of a chain in memory: hexadecimal of site id ‖ incarnation id. */
export type ChainKey = string;

/** One incarnation of a site: its batches form a tree by their hashes, which is a line unless somebody signed two of one seq. */
export interface Chain {
  readonly key: ChainKey;
  readonly siteId: SiteId;
  readonly incarnationId: IncarnationId;
  readonly statement: IncarnationStatement;
  opening: IncarnationOpened;
  /** Ends that no batch follows, sorted by seq and hash. */
  tips: readonly Point[];
  /** The lowest seq of which two batches are held. */
  forkSeq: number | undefined;
  /** The batches indexed lie in the first so many bytes of the log. */
  logBytes: number;
}

interface ChainRow {
  readonly siteId: SiteId;
  readonly incarnationId: IncarnationId;
  readonly opening: IncarnationOpened;
  readonly tips: readonly Point[];
  readonly forkSeq: number | undefined;
  readonly logBytes: number;
}

/** Where a batch lies, and what it follows. */
export interface IndexedBatch extends Point, FramePlace {
  readonly previousHash: Uint8Array;
}

interface BatchRow {
  readonly offset: number;
  readonly length: number;
  readonly previousHash: Uint8Array;
}

export function chainKeyOf(siteId: Uint8Array, incarnationId: Uint8Array): ChainKey {
  return toHex(siteId) + toHex(incarnationId);
}

/** All chains that are held, and the index of their batches. Few chains in memory; the index in the views. */
export class Chains {
  readonly #views: ViewStore;
  readonly #chains = new Map<ChainKey, Chain>();

  constructor(views: ViewStore) {
    this.#views = views;
    this.reload();
  }

  /** Takes what the views have, after they were cleared or a transaction was given up. */
  reload(): void {
    this.#chains.clear();
    for (const { value } of this.#views.range(keyOf(Table.chain))) {
      const row = value as ChainRow;
      const key = chainKeyOf(row.siteId, row.incarnationId);
      this.#chains.set(key, { ...row, key, statement: decodeIncarnationStatement(row.opening.statement) });
    }
  }

  get(key: ChainKey): Chain | undefined {
    return this.#chains.get(key);
  }

  find(siteId: Uint8Array, incarnationId: Uint8Array): Chain | undefined {
    return this.#chains.get(chainKeyOf(siteId, incarnationId));
  }

  /** In no particular order. */
  all(): Iterable<Chain> {
    return this.#chains.values();
  }

  /** By number, then id. */
  ofSite(siteId: Uint8Array): Chain[] {
    return [...this.#chains.values()].filter((chain) => equalBytes(chain.siteId, siteId)).sort(byNumber);
  }

  siteCount(): number {
    return new Set([...this.#chains.values()].map((chain) => toHex(chain.siteId))).size;
  }

  /** Adds a batch whose predecessor is held, in a transaction of the views; the first one brings its opening. */
  add(batch: SignedBatch, place: FramePlace, opening: IncarnationOpened | undefined): Chain {
    const key = chainKeyOf(batch.siteId, batch.incarnationId);
    const chain = this.#chains.get(key) ?? newChain(key, batch, opening);
    // A batch whose predecessor has a successor already is the second of its seq.
    const followsTip = chain.tips.some((known) => isPredecessor(known, batch));
    if (chain.tips.length > 0 && !followsTip) chain.forkSeq = Math.min(chain.forkSeq ?? batch.seq, batch.seq);
    // Two first batches may differ in who signed their opening: the kit's word is not lost for the other's.
    if (opening !== undefined && chain.opening.kitSignature.length === 0) chain.opening = opening;
    const tip = { seq: batch.seq, hash: new Uint8Array(batch.hash) };
    const others = chain.tips.filter((known) => !isPredecessor(known, batch));
    chain.tips = [...others, tip].sort((a, b) => a.seq - b.seq || Buffer.compare(a.hash, b.hash));
    chain.logBytes = Math.max(chain.logBytes, place.offset + place.length);
    this.#chains.set(key, chain);
    const row: BatchRow = { offset: place.offset, length: place.length, previousHash: batch.previousHash };
    this.#views.put(batchKey(chain, tip), row);
    this.save(chain);
    return chain;
  }

  /** Writes the chain's row, in a transaction of the views. */
  save(chain: Chain): void {
    const { siteId, incarnationId, opening, tips, forkSeq, logBytes } = chain;
    const row: ChainRow = { siteId, incarnationId, opening, tips, forkSeq, logBytes };
    this.#views.put(keyOf(Table.chain, siteId, incarnationId), row);
  }

  has(chain: Chain, point: Point): boolean {
    return this.#views.has(batchKey(chain, point));
  }

  batchAt(chain: Chain, point: Point): IndexedBatch | undefined {
    const row = this.#views.get(batchKey(chain, point)) as BatchRow | undefined;
    return row === undefined ? undefined : { seq: point.seq, hash: point.hash, ...row };
  }

  /** The only batch of `seq` on the line before a fork. */
  lineBatch(chain: Chain, seq: number): IndexedBatch | undefined {
    return this.batchesFrom(chain, seq, 1).find((batch) => batch.seq === seq);
  }

  /** At most `limit` batches from `seq` on, by seq: a batch comes after the one it follows. */
  batchesFrom(chain: Chain, seq: number, limit: number): IndexedBatch[] {
    return this.#page(chain, concatBytes([order64(seq)]), limit);
  }

  /** The next ones after `last`, in the same order. */
  batchesAfter(chain: Chain, last: Point, limit: number): IndexedBatch[] {
    // A byte more than the key: everything behind it.
    return this.#page(chain, concatBytes([order64(last.seq), last.hash, new Uint8Array(1)]), limit);
  }

  #page(chain: Chain, from: Uint8Array, limit: number): IndexedBatch[] {
    const prefix = keyOf(Table.batch, chain.siteId, chain.incarnationId);
    const page: IndexedBatch[] = [];
    for (const { key, value } of this.#views.range(prefix, { after: concatBytes([prefix, from]), limit })) {
      const place = Buffer.from(key.buffer, key.byteOffset, key.byteLength);
      const seq = Number(place.readBigUInt64BE(prefix.length) - 0x8000_0000_0000_0000n);
      page.push({ seq, hash: new Uint8Array(key.subarray(prefix.length + 8)), ...(value as BatchRow) });
    }
    return page;
  }

  /** `point` and what it follows, newest first, down to `fromSeq`. */
  *ancestry(chain: Chain, point: Point, fromSeq: number): Generator<IndexedBatch> {
    let next: Point = point;
    while (next.seq >= fromSeq) {
      const batch = this.batchAt(chain, next);
      if (batch === undefined) return;
      yield batch;
      if (batch.seq === 0) return;
      next = { seq: batch.seq - 1, hash: batch.previousHash };
    }
  }
}

/** The point that a batch follows in its own chain; undefined for the first. */
export function predecessorOf(batch: { readonly seq: number; readonly previousHash: Uint8Array }): Point | undefined {
  return batch.seq === 0 ? undefined : { seq: batch.seq - 1, hash: batch.previousHash };
}

/** What the first batch of an incarnation must name as its previous. */
export function openingHash(statement: IncarnationStatement): Uint8Array {
  return statement.cut?.hash ?? noHash;
}

function isPredecessor(point: Point, batch: SignedBatch): boolean {
  return point.seq + 1 === batch.seq && equalBytes(point.hash, batch.previousHash);
}

function newChain(key: ChainKey, batch: SignedBatch, opening: IncarnationOpened | undefined): Chain {
  if (opening === undefined) throw new Error('bug: a chain begins with its opening');
  return {
    key,
    siteId: batch.siteId,
    incarnationId: batch.incarnationId,
    statement: decodeIncarnationStatement(opening.statement),
    opening,
    tips: [],
    forkSeq: undefined,
    logBytes: 0,
  };
}

function batchKey(chain: Chain, point: Point): Uint8Array {
  return keyOf(Table.batch, chain.siteId, chain.incarnationId, order64(point.seq), point.hash);
}

function byNumber(a: Chain, b: Chain): number {
  return a.statement.number - b.statement.number || Buffer.compare(a.incarnationId, b.incarnationId);
}
