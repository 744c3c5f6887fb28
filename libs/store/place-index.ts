import type { PackClass } from './pack-header.ts';
import type { Place } from './place.ts';

/** A closed pack all of whose ids are in the index. */
export interface CoveredPack {
  readonly number: number;
  readonly class: PackClass;
  /** Of the whole file: a file of another length is another pack, or a damaged one. */
  readonly bytes: number;
  readonly records: number;
}

/**
 * id -> place, on disk. A cache: all of it can be made again from the packs, and what it says of a pack that is not
 * there counts for nothing. Keys are those of `placeKey`.
 */
export interface PlaceIndex {
  /** In the order of `keys`. Entries that are damaged are absent. */
  lookup(keys: readonly string[]): Promise<(Place | undefined)[]>;
  /** Later entries of one key replace earlier ones. Durable and visible when it resolves; on failure some may be. */
  put(entries: Iterable<[key: string, place: Place]>): Promise<void>;
  /** Says that all of a closed pack is in here; to be called after its entries were put. */
  cover(pack: CoveredPack): Promise<void>;
  covered(): CoveredPack[];
  /** Takes a pack out: those of `keys` that still point into it, and its being covered. Durable when it resolves. */
  drop(pack: number, keys: readonly string[]): Promise<void>;
  /** All entries, in no particular order: slow, for the rare question which ids lay at a place. */
  entries(): AsyncIterable<[key: string, place: Place]>;
  close(): Promise<void>;
}

/** Where an index is kept from one opening to the next, and how it is replaced by a new one. */
export interface IndexHome {
  /** Says that the index was read and works. */
  opened(): Promise<void>;
  /** Makes a new index with `fill`, then opens it. The one before may still be open: call `removeOld` after. */
  replace(fill: (index: PlaceIndex) => Promise<void>): Promise<PlaceIndex>;
  removeOld(): Promise<void>;
}

export interface OpenedIndex {
  readonly home: IndexHome;
  readonly index: PlaceIndex;
}
