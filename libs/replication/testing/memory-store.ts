import type { DomainId, RecordId } from '#model';
import { toHex } from '#runtime';
import { parseRecord, type RecordView } from '#wire';
import type { RecordPlace, RecordStore } from '../ports.ts';

/** A store in memory whose "disk" loses what was not flushed: for tests of the state machines, not of the store. */
export class MemoryStore implements RecordStore {
  readonly #records: Uint8Array[] = [];
  readonly #index = new Map<string, RecordPlace>();
  readonly #pending: { readonly bytes: Uint8Array; readonly resolve: () => void }[] = [];
  readonly appended: Uint8Array[] = [];

  append({ bytes }: RecordView): Promise<void> {
    this.appended.push(bytes);
    return new Promise((resolve) => this.#pending.push({ bytes, resolve }));
  }

  async flush(): Promise<void> {
    for (const { bytes, resolve } of this.#pending.splice(0)) {
      this.put(bytes);
      resolve();
    }
  }

  put(bytes: Uint8Array): void {
    const record = parseRecord(bytes);
    const offset = this.#records.push(bytes) - 1;
    for (const id of record.ids) {
      this.#index.set(key(record.domainId, id), { pack: 0, offset, length: bytes.length, kind: record.kind });
    }
  }

  /** A power cut: what no flush covered is gone. */
  crash(): void {
    this.#pending.length = 0;
  }

  get durableRecords(): number {
    return this.#records.length;
  }

  isPending(domainId: DomainId, id: RecordId): boolean {
    return this.#pending.some(({ bytes }) => {
      const record = parseRecord(bytes);
      return toHex(record.domainId) === toHex(domainId) && record.ids.some((one) => toHex(one) === toHex(id));
    });
  }

  async locateMany(domainId: DomainId, ids: readonly RecordId[]): Promise<(RecordPlace | undefined)[]> {
    return ids.map((id) => this.#index.get(key(domainId, id)));
  }

  async read(domainId: DomainId, id: RecordId): Promise<RecordView | undefined> {
    const place = this.#index.get(key(domainId, id));
    return place && this.readAt(place);
  }

  async readAt(place: RecordPlace): Promise<RecordView> {
    return parseRecord(this.#records[place.offset] as Uint8Array);
  }
}

function key(domainId: DomainId, id: RecordId): string {
  return `${toHex(domainId)}${toHex(id)}`;
}
