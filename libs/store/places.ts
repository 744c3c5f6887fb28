import { isAppError } from '#runtime';
import type { PackTable } from './pack-table.ts';
import { isLater, type Place } from './place.ts';
import type { CoveredPack, PlaceIndex } from './place-index.ts';
import type { OnNotice } from './store-errors.ts';

type Recent = Map<string, Place>;

/**
 * Where everything durable lies: what became so just now from memory, the rest from the index on disk. Acknowledging
 * never waits for the index: it is written in the background, and what it lacks after a crash comes from the packs.
 */
export class Places {
  readonly #table: PackTable;
  readonly #recentMax: number;
  readonly #onNotice: OnNotice;
  #index: PlaceIndex;
  #recent: Recent = new Map();
  /** What is being written to the index now. */
  #leaving: Recent = new Map();
  #toCover: CoveredPack[] = [];
  #writing: Promise<void> = Promise.resolve();
  #scheduled = false;
  #held = false;

  constructor(index: PlaceIndex, table: PackTable, recentMax: number, onNotice: OnNotice) {
    this.#index = index;
    this.#table = table;
    this.#recentMax = recentMax;
    this.#onNotice = onNotice;
  }

  get index(): PlaceIndex {
    return this.#index;
  }

  /** Ids that only memory knows yet; what a crash would have to read again from the packs. */
  get unwrittenIds(): number {
    return this.#recent.size + this.#leaving.size;
  }

  /** In the order of `keys`; undefined for what lies in no pack that exists. */
  async lookup(keys: readonly string[]): Promise<(Place | undefined)[]> {
    const places = keys.map((key) => this.#existing(this.#recent.get(key)) ?? this.#existing(this.#leaving.get(key)));
    const asked = keys.flatMap((key, i) => (places[i] === undefined ? [{ key, i }] : []));
    if (asked.length === 0) return places;
    const found = await this.#index.lookup(asked.map(({ key }) => key));
    for (const [j, { i }] of asked.entries()) places[i] = this.#existing(found[j]);
    return places;
  }

  /** Takes places of records that are durable and later than all before. */
  add(places: Iterable<[key: string, place: Place]>): void {
    for (const [key, place] of places) this.#recent.set(key, place);
    if (this.#recent.size >= this.#recentMax) this.#schedule();
  }

  /** Takes note that a pack is closed: once its ids are in the index, it need not be read again at the next start. */
  cover(pack: CoveredPack): void {
    this.#toCover.push(pack);
    this.#schedule();
  }

  /** Takes places that may be older than what is known, as found in a pack that the index did not cover. */
  async adopt(places: readonly [key: string, place: Place][]): Promise<void> {
    const known = await this.lookup(places.map(([key]) => key));
    for (const [i, [key, place]] of places.entries()) {
      const other = known[i];
      if (other === undefined || isLater(place, other)) this.#recent.set(key, place);
    }
    if (this.#recent.size < this.#recentMax) return;
    this.#schedule();
    await this.#writing;
  }

  /** Everything that is known, newest first: one key may come twice. Slow: it reads the whole index. */
  async *entries(): AsyncGenerator<[key: string, place: Place]> {
    yield* [...this.#recent];
    yield* [...this.#leaving];
    for await (const entry of this.#index.entries()) if (this.#table.has(entry[1].pack)) yield entry;
  }

  /** Takes a pack out of the index, durably; `keys` are the ids that were in it. It must be out of the table already. */
  async drop(pack: number, keys: readonly string[]): Promise<void> {
    await this.flush();
    await this.#index.drop(pack, keys);
  }

  /** Takes a pack that is gone out of the index; when that cannot be written, the next start does it again. */
  async forget(pack: number): Promise<void> {
    try {
      await this.#index.drop(pack, []);
    } catch (error) {
      this.#tellFailure(error);
    }
  }

  /** Resolves when the index on disk has everything, durably, or it was told that it could not be written. */
  async flush(): Promise<void> {
    this.#schedule();
    await this.#writing;
  }

  /**
   * Replaces the index by the one that `build` makes from the packs, which is opened when it resolves. Meanwhile the old
   * one answers, and what becomes durable stays in memory.
   */
  async replaceIndex(build: () => Promise<PlaceIndex>): Promise<void> {
    this.#held = true;
    try {
      await this.#writing;
      const fresh = await build();
      const old = this.#index;
      this.#index = fresh;
      await old.close();
    } finally {
      this.#held = false;
      this.#schedule();
    }
  }

  async close(): Promise<void> {
    await this.flush();
    await this.#index.close();
  }

  #existing(place: Place | undefined): Place | undefined {
    return place !== undefined && this.#table.has(place.pack) ? place : undefined;
  }

  #schedule(): void {
    if (this.#scheduled || this.#held) return;
    this.#scheduled = true;
    this.#writing = this.#writing.then(() => this.#write());
  }

  async #write(): Promise<void> {
    this.#scheduled = false;
    // What an earlier, failed attempt left comes first: the later places must win.
    this.#leaving = new Map([...this.#leaving, ...this.#recent]);
    this.#recent = new Map();
    const covered = this.#toCover;
    this.#toCover = [];
    try {
      if (this.#leaving.size > 0) await this.#index.put(this.#leaving);
      for (const pack of covered) if (this.#table.has(pack.number)) await this.#index.cover(pack);
      this.#leaving = new Map();
    } catch (error) {
      this.#toCover = [...covered, ...this.#toCover];
      this.#tellFailure(error);
    }
  }

  #tellFailure(error: unknown): void {
    if (!isAppError(error, 'index_write_failed')) throw error;
    this.#onNotice({
      code: 'index_write_failed',
      message: 'the index could not be written; it is a cache, nothing is lost, it is tried again',
      details: { cause: String(error.cause), ids: this.unwrittenIds },
    });
  }
}
