import { createHash } from 'node:crypto';
import { asId, type RecordId } from '#model';
import { finishRecord, RecordKind, recordLength, writeRecordHeader } from '#wire';

export const recordDomain = asId('DomainId', new Uint8Array(8).fill(7));
const keyId = asId('KeyId', new Uint8Array(8).fill(9));

/** The record of this number: its bytes follow from it. The seal is chance, which a store cannot tell. */
export function makeRecord(number: number): Uint8Array {
  const kind = number % 3 === 0 ? RecordKind.node : RecordKind.leaf;
  const sealedBytes = 17 + ((number * 2_654_435_761) % 4001);
  const ids = kind === RecordKind.node || number % 2 === 0 ? [idOf(number, 0)] : [idOf(number, 0), idOf(number, 1)];
  const record = new Uint8Array(recordLength(ids.length, 0, sealedBytes));
  const header = { kind, domainId: recordDomain, keyId, nonce: new Uint8Array(24), ids, references: [] };
  let at = writeRecordHeader(record, header, sealedBytes);
  for (let block = 0, end = at + sealedBytes; at < end; block++) {
    const bytes = createHash('sha256')
      .update(`${number} ${block}`)
      .digest()
      .subarray(0, end - at);
    record.set(bytes, at);
    at += bytes.length;
  }
  finishRecord(record);
  return record;
}

export function idOf(number: number, place: number): RecordId {
  return asId(
    'RecordId',
    new Uint8Array(createHash('sha256').update(`id ${number} ${place}`).digest().subarray(0, 20)),
  );
}
