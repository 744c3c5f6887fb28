import type { DomainId, RecordId } from '#model';
import { type KeyBook, openLeaf, openNode } from '#records';
import { isAppError, toHex } from '#runtime';
import { RecordKind, type RecordView } from '#wire';
import { type RecordPlace, type RecordStore, readFound } from './ports.ts';

/** Opened records that are kept for who asks for a neighbour next: frames of a file follow each other. */
const keptBytesMax = 24 * 1024 * 1024;

/** What a dictionary can do without: damaged, sealed with a key that has not come here yet, or taken away by a repair. */
const useless = ['record_damaged', 'key_missing', 'place_gone'];

interface Opened {
  readonly contents: ReadonlyMap<string, Uint8Array>;
  readonly bytes: number;
}

/** Reads plain contents of one domain from the store, checked against their ids. Both ends make dictionaries of them. */
export class ContentReader {
  readonly #store: RecordStore;
  readonly #keys: KeyBook;
  readonly #domainId: DomainId;
  /** By place, the longest unused first. */
  readonly #opened = new Map<string, Opened>();
  #keptBytes = 0;

  constructor(store: RecordStore, keys: KeyBook, domainId: DomainId) {
    [this.#store, this.#keys, this.#domainId] = [store, keys, domainId];
  }

  /**
   * The contents of `ids` in their order; undefined for what is not durable here, damaged, or sealed with a key that is not here. It stops with undefined for
   * the rest when they come to more than `bytesMax`.
   */
  async read(ids: readonly RecordId[], bytesMax: number): Promise<(Uint8Array | undefined)[]> {
    const places = await this.#store.locateMany(this.#domainId, ids);
    const contents: (Uint8Array | undefined)[] = [];
    let bytes = 0;
    for (const [i, id] of ids.entries()) {
      const place = places[i];
      const content = place === undefined || bytes > bytesMax ? undefined : await this.#contentAt(id, place);
      bytes += content?.length ?? 0;
      contents.push(bytes > bytesMax ? undefined : content);
    }
    return contents;
  }

  async #contentAt(id: RecordId, place: RecordPlace): Promise<Uint8Array | undefined> {
    const key = `${place.pack}:${place.offset}`;
    let opened = this.#opened.get(key);
    if (opened === undefined) {
      opened = await this.#open(id, place);
      if (opened === undefined) return undefined;
    } else this.#forget(key, opened);
    this.#keep(key, opened);
    return opened.contents.get(toHex(id));
  }

  #keep(key: string, opened: Opened): void {
    // Another one may have opened it meanwhile.
    const known = this.#opened.get(key);
    if (known !== undefined) this.#forget(key, known);
    this.#keptBytes += opened.bytes;
    this.#opened.set(key, opened);
    for (const [oldest, old] of this.#opened) {
      if (this.#keptBytes <= keptBytesMax) return;
      this.#forget(oldest, old);
    }
  }

  #forget(key: string, opened: Opened): void {
    this.#opened.delete(key);
    this.#keptBytes -= opened.bytes;
  }

  async #open(id: RecordId, place: RecordPlace): Promise<Opened | undefined> {
    try {
      const contents = openContents(this.#keys, await readFound(this.#store, this.#domainId, id, place));
      return { contents, bytes: [...contents.values()].reduce((sum, { length }) => sum + length, 0) };
    } catch (error) {
      if (useless.some((code) => isAppError(error, code))) return undefined;
      throw error;
    }
  }
}

/** Everything that a record holds, by the ids in hexadecimal. Throws `record_damaged` and `key_missing`. */
function openContents(keys: KeyBook, record: RecordView): Map<string, Uint8Array> {
  if (record.kind === RecordKind.leaf)
    return new Map(openLeaf(keys, record).map(({ id, content }) => [toHex(id), content]));
  return new Map(record.ids.map((id) => [toHex(id), openNode(keys, record).payload]));
}
