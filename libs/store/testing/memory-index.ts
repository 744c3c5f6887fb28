import type { Place } from '../place.ts';
import type { CoveredPack, OpenedIndex, PlaceIndex } from '../place-index.ts';

/** An index that keeps nothing: for tests that open a store a thousand times. */
export class MemoryIndex implements PlaceIndex {
  readonly #places = new Map<string, Place>();
  readonly #covered = new Map<number, CoveredPack>();

  async lookup(keys: readonly string[]): Promise<(Place | undefined)[]> {
    return keys.map((key) => this.#places.get(key));
  }

  async put(entries: Iterable<[key: string, place: Place]>): Promise<void> {
    for (const [key, place] of entries) this.#places.set(key, place);
  }

  async cover(pack: CoveredPack): Promise<void> {
    this.#covered.set(pack.number, pack);
  }

  covered(): CoveredPack[] {
    return [...this.#covered.values()];
  }

  async drop(pack: number, keys: readonly string[]): Promise<void> {
    this.#covered.delete(pack);
    for (const key of keys) if (this.#places.get(key)?.pack === pack) this.#places.delete(key);
  }

  async *entries(): AsyncGenerator<[key: string, place: Place]> {
    yield* [...this.#places];
  }

  async close(): Promise<void> {
    await Promise.resolve();
  }
}

/** For `openIndex` of a store: an index that outlives the store, like LMDB's, until `forget` is called. */
export class MemoryIndexHome {
  #index = new MemoryIndex();

  readonly open = async (): Promise<OpenedIndex> => ({ home: this, index: this.#index });

  forget(): void {
    this.#index = new MemoryIndex();
  }

  async opened(): Promise<void> {
    await Promise.resolve();
  }

  async replace(fill: (index: PlaceIndex) => Promise<void>): Promise<PlaceIndex> {
    this.#index = new MemoryIndex();
    await fill(this.#index);
    return this.#index;
  }

  async removeOld(): Promise<void> {
    await Promise.resolve();
  }
}
