import type { DomainId, RecordId } from '#model';
import type { RecordPlace, RecordStore } from '#replication';
import { toHex } from '#runtime';
import { parseRecord, type RecordView } from '#wire';

const keyOf = (domainId: DomainId, id: RecordId) => toHex(domainId) + toHex(id);

/** Records in memory, durable at once: the state machines' other side, which is not what is attacked. */
export class MemoryRecords implements RecordStore {
  readonly all: Uint8Array[] = [];
  readonly #places = new Map<string, RecordPlace>();

  async append({ bytes }: RecordView): Promise<void> {
    this.put(bytes);
  }

  put(bytes: Uint8Array): void {
    const { ids, domainId, kind } = parseRecord(bytes);
    const place = { pack: 0, offset: this.all.push(new Uint8Array(bytes)) - 1, length: bytes.length, kind };
    for (const id of ids) this.#places.set(keyOf(domainId, id), place);
  }

  async flush(): Promise<void> {
    await Promise.resolve();
  }

  isPending(): boolean {
    return false;
  }

  async locateMany(domainId: DomainId, ids: readonly RecordId[]): Promise<(RecordPlace | undefined)[]> {
    return ids.map((id) => this.#places.get(keyOf(domainId, id)));
  }

  async read(domainId: DomainId, id: RecordId): Promise<RecordView | undefined> {
    const place = this.#places.get(keyOf(domainId, id));
    return place && this.readAt(place);
  }

  async readAt(place: RecordPlace): Promise<RecordView> {
    return parseRecord(this.all[place.offset] ?? new Uint8Array(0));
  }
}
