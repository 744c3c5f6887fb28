import type { RecordView } from '#wire';
import { classOf, type PackClass } from './pack-header.ts';
import type { PackWriter } from './pack-writer.ts';
import { type Place, placeKey } from './place.ts';

/** A group of one pack within a commit. */
interface WrittenGroup {
  readonly writer: PackWriter;
  readonly records: readonly RecordView[];
  /** Offset of each record. */
  readonly offsets: readonly number[];
}

/** Records that become durable together: one group of a leaf pack, one of a node pack. */
export class Commit {
  /** Which life of the packs it belongs to: a failure ends one, and everything in it. */
  readonly generation: number;
  readonly records = new Map<PackClass, RecordView[]>();
  readonly written: WrittenGroup[] = [];
  readonly #settled = Promise.withResolvers<void>();
  #bytes = 0;

  constructor(generation: number) {
    this.generation = generation;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Resolves when all records are durable and every commit before is; rejects when they are to be sent again. */
  get durable(): Promise<void> {
    return this.#settled.promise;
  }

  add(record: RecordView): void {
    const packClass = classOf(record.kind);
    const records = this.records.get(packClass);
    if (records === undefined) this.records.set(packClass, [record]);
    else records.push(record);
    this.#bytes += record.bytes.length;
  }

  *keys(): Generator<string> {
    for (const records of this.records.values()) {
      for (const record of records) for (const id of record.ids) yield placeKey(record.domainId, id);
    }
  }

  *places(): Generator<[key: string, place: Place]> {
    for (const { writer, records, offsets } of this.written) {
      for (const [i, record] of records.entries()) {
        const at = { pack: writer.number, offset: offsets[i] ?? 0, length: record.bytes.length, kind: record.kind };
        for (const [position, id] of record.ids.entries()) yield [placeKey(record.domainId, id), { ...at, position }];
      }
    }
  }

  resolve(): void {
    this.#settled.resolve();
  }

  reject(error: unknown): void {
    this.#settled.reject(error);
  }
}
