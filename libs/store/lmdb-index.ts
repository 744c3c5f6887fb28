import { type LmdbEnvironment, openEnvironment } from './lmdb-environment.ts';
import { LmdbWriter } from './lmdb-writer.ts';
import type { PackClass } from './pack-header.ts';
import { decodePlace, encodePlace, type Place, placeKeyBuffer } from './place.ts';
import type { CoveredPack, PlaceIndex } from './place-index.ts';
import { indexDamaged } from './store-errors.ts';

/** Half a millisecond of LMDB a turn, so that sockets are served in between. */
const keysATurn = 512;
/** Entries a transaction: it may dirty a page for each, 16 MiB in all. */
const entriesAWrite = 4096;
const coveredBytes = 18;

/** The index in LMDB: read here, written by a worker. */
export class LmdbIndex implements PlaceIndex {
  readonly #environment: LmdbEnvironment;
  readonly #writer: LmdbWriter;
  readonly #onDamaged: () => void;

  private constructor(environment: LmdbEnvironment, writer: LmdbWriter, onDamaged: () => void) {
    this.#environment = environment;
    this.#writer = writer;
    this.#onDamaged = onDamaged;
  }

  /**
   * Opens or makes the index in `folder`. Throws what LMDB throws, or `index_damaged`, when it cannot be used: remove it
   * and build it anew. `onDamaged` is called for each value that is not what was stored.
   */
  static open(folder: string, onDamaged: () => void): LmdbIndex {
    return new LmdbIndex(openEnvironment(folder), new LmdbWriter(folder), onDamaged);
  }

  async lookup(keys: readonly string[]): Promise<(Place | undefined)[]> {
    const places: (Place | undefined)[] = [];
    for (let at = 0; at < keys.length; at += keysATurn) {
      if (at > 0) await nextTurn();
      const batch = keys.slice(at, at + keysATurn);
      for (const place of this.#reading(() => batch.map((key) => this.#get(key)))) places.push(place);
    }
    return places;
  }

  async put(entries: Iterable<[key: string, place: Place]>): Promise<void> {
    let [keys, values]: [Buffer[], Buffer[]] = [[], []];
    for (const [text, place] of entries) {
      const key = placeKeyBuffer(text);
      keys.push(key);
      values.push(encodePlace(key, place));
      if (keys.length < entriesAWrite) continue;
      await this.#writer.write({ put: { keys: Buffer.concat(keys), values: Buffer.concat(values) } });
      [keys, values] = [[], []];
    }
    if (keys.length === 0) return;
    await this.#writer.write({ put: { keys: Buffer.concat(keys), values: Buffer.concat(values) } });
  }

  async cover(pack: CoveredPack): Promise<void> {
    await this.#writer.write({ cover: { key: numberKey(pack.number), value: encodeCovered(pack) } });
  }

  covered(): CoveredPack[] {
    return this.#reading(() => {
      const rows = [...this.#environment.packs.getRange()];
      return rows.flatMap(({ key, value }) => decodeCovered(key, value) ?? []);
    });
  }

  async drop(pack: number, keys: readonly string[]): Promise<void> {
    const places = await this.lookup(keys);
    const inPack = keys.filter((_, i) => places[i]?.pack === pack).map(placeKeyBuffer);
    await this.#writer.write({ uncover: numberKey(pack), remove: Buffer.concat(inPack) });
  }

  async *entries(): AsyncGenerator<[key: string, place: Place]> {
    let after: Uint8Array | undefined;
    for (;;) {
      const range = after === undefined ? { limit: keysATurn } : { start: after, limit: keysATurn };
      // A reader that stays open for long keeps LMDB from using freed pages: each batch is a reader of its own.
      const batch = this.#reading(() => [...this.#environment.places.getRange(range)]);
      const fresh = batch.filter(({ key }) => after === undefined || Buffer.compare(key, after) !== 0);
      if (fresh.length === 0) return;
      for (const { key, value } of fresh) {
        const place = decodePlace(key, value);
        if (place !== undefined) yield [Buffer.from(key).toString('latin1'), place];
        after = Buffer.from(key);
      }
      await nextTurn();
    }
  }

  async close(): Promise<void> {
    await this.#writer.close();
    await this.#environment.close();
  }

  #get(text: string): Place | undefined {
    const key = placeKeyBuffer(text);
    const value = this.#environment.places.get(key);
    const place = value === undefined ? undefined : decodePlace(key, value);
    if (value !== undefined && place === undefined) this.#onDamaged();
    return place;
  }

  /** Reads what the worker has written by now. What LMDB throws of its own pages is damage. */
  #reading<T>(read: () => T): T {
    try {
      this.#environment.places.resetReadTxn();
      return read();
    } catch (error) {
      throw indexDamaged(String(error));
    }
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
