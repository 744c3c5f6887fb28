import { randomBytes, randomFillSync } from 'node:crypto';
import { asId, type RecordId } from '#model';
import { finishRecord, RecordKind, recordLength, writeRecordHeader } from '#wire';

export const sampleDomain = asId('DomainId', new Uint8Array(8).fill(7));
const keyId = asId('KeyId', new Uint8Array(8).fill(9));

/** Records as a sender makes them, each with one id; what is sealed is chance, which a store cannot tell from a seal. */
export class SampleRecords {
  readonly count: number;
  readonly #sealedBytes: number;
  readonly #ids: Buffer;
  readonly #sealed: Buffer;

  constructor(count: number, sealedBytes: number) {
    [this.count, this.#sealedBytes] = [count, sealedBytes];
    this.#ids = randomBytes(20 * count);
    this.#sealed = randomFillSync(Buffer.alloc(sealedBytes));
  }

  /** Of what a store holds: header, ids, seal, checksum. */
  get recordBytes(): number {
    return recordLength(1, 0, this.#sealedBytes);
  }

  idAt(index: number): RecordId {
    return asId('RecordId', new Uint8Array(this.#ids.subarray(20 * index, 20 * index + 20)));
  }

  make(index: number): Uint8Array {
    const record = Buffer.allocUnsafe(this.recordBytes);
    const ids = [this.idAt(index)];
    const header = {
      kind: RecordKind.leaf,
      domainId: sampleDomain,
      keyId,
      nonce: new Uint8Array(24),
      ids,
      references: [],
    };
    record.set(this.#sealed, writeRecordHeader(record, header, this.#sealedBytes));
    finishRecord(record);
    return record;
  }
}
