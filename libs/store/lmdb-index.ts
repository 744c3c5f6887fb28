import { join } from 'node:path';
import { type Database, open, type RootDatabase } from 'lmdb';
import type { PackClass } from './pack-header.ts';
import { decodePlace, encodePlace, type Place, placeKeyBuffer } from './place.ts';
import type { CoveredPack, PlaceIndex } from './place-index.ts';

/** Half a millisecond of LMDB a turn, so that sockets are served in between. */
const keysATurn = 512;
const coveredBytes = 18;

/** The index in one LMDB environment: entries, and which packs they cover. */
export class LmdbIndex implements PlaceIndex {
  readonly #root: RootDatabase<Buffer, Uint8Array>;
  readonly #places: Database<Buffer, Uint8Array>;
  readonly #packs: Database<Buffer, Uint8Array>;

  private constructor(root: RootDatabase<Buffer, Uint8Array>) {
    this.#root = root;
    this.#places = root.openDB<Buffer, Uint8Array>({ name: 'places', keyEncoding: 'binary', encoding: 'binary' });
    this.#packs = root.openDB<Buffer, Uint8Array>({ name: 'packs', keyEncoding: 'binary', encoding: 'binary' });
  }

  /** Opens or makes the index in `folder`. Throws what LMDB throws when it is damaged: remove it and build it anew. */
  static open(folder: string): LmdbIndex {
    const root = open<Buffer, Uint8Array>({
      path: join(folder, 'index.mdb'),
      noSubdir: true,
      keyEncoding: 'binary',
      encoding: 'binary',
      maxDbs: 2,
    });
    // A killed process leaves its reader behind, and the pages that reader saw could never be used again.
    root.readerCheck();
    return new LmdbIndex(root);
  }

  async lookup(keys: readonly string[]): Promise<(Place | undefined)[]> {
    const places: (Place | undefined)[] = [];
    for (let i = 0; i < keys.length; i++) {
      if (i > 0 && i % keysATurn === 0) await nextTurn();
      const key = placeKeyBuffer(keys[i] ?? '');
      const value = this.#places.get(key);
      places.push(value === undefined ? undefined : decodePlace(key, value));
    }
    return places;
  }

  async put(entries: Iterable<[key: string, place: Place]>): Promise<void> {
    let last: Promise<boolean> = Promise.resolve(true);
    let count = 0;
    for (const [text, place] of entries) {
      const key = placeKeyBuffer(text);
      last = this.#places.put(key, encodePlace(key, place));
      count += 1;
      if (count % keysATurn === 0) await nextTurn();
    }
    // Writes of one environment are committed in order, so the last one speaks for all.
    await last;
  }

  async cover(pack: CoveredPack): Promise<void> {
    await this.#packs.put(numberKey(pack.number), encodeCovered(pack));
  }

  covered(): CoveredPack[] {
    const packs: CoveredPack[] = [];
    for (const { key, value } of this.#packs.getRange()) {
      const pack = decodeCovered(key, value);
      if (pack !== undefined) packs.push(pack);
    }
    return packs;
  }

  async drop(pack: number, keys: readonly string[]): Promise<void> {
    const places = await this.lookup(keys);
    let last: Promise<boolean> = this.#packs.remove(numberKey(pack));
    for (const [i, place] of places.entries()) {
      if (place?.pack === pack) last = this.#places.remove(placeKeyBuffer(keys[i] ?? ''));
      if (i % keysATurn === 0) await nextTurn();
    }
    await last;
    await this.flush();
  }

  async *entries(): AsyncGenerator<[key: string, place: Place]> {
    let after: Uint8Array | undefined;
    for (;;) {
      const range = after === undefined ? { limit: keysATurn } : { start: after, limit: keysATurn };
      const batch = [...this.#places.getRange(range)].filter(({ key }) => after === undefined || !same(key, after));
      if (batch.length === 0) return;
      for (const { key, value } of batch) {
        const place = decodePlace(key, value);
        if (place !== undefined) yield [Buffer.from(key).toString('latin1'), place];
        after = Buffer.from(key);
      }
      // A reader that stays open for long keeps LMDB from using freed pages: each batch is a reader of its own.
      await nextTurn();
    }
  }

  async flush(): Promise<void> {
    await this.#root.flushed;
  }

  async close(): Promise<void> {
    await this.#root.close();
  }
}

/** Lets everything else that waits have its turn. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function numberKey(number: number): Buffer {
  const key = Buffer.alloc(5);
  key.writeUIntBE(number, 0, 5);
  return key;
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

function encodeCovered(pack: CoveredPack): Buffer {
  const value = Buffer.alloc(coveredBytes);
  value[0] = pack.class;
  value.writeUIntLE(pack.bytes, 1, 6);
  value.writeUInt32LE(pack.records, 7);
  value.writeUIntLE(pack.number, 11, 5);
  return value;
}

/** Undefined when the row is not of this shape or key: then the pack is read again. */
function decodeCovered(key: Uint8Array, value: Buffer): CoveredPack | undefined {
  if (key.length !== 5 || value.length !== coveredBytes) return undefined;
  const number = Buffer.from(key).readUIntBE(0, 5);
  const packClass = value[0];
  if (value.readUIntLE(11, 5) !== number || (packClass !== 1 && packClass !== 2)) return undefined;
  return {
    number,
    class: packClass satisfies PackClass,
    bytes: value.readUIntLE(1, 6),
    records: value.readUInt32LE(7),
  };
}
