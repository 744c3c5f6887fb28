import { asId, type DomainId, type KeyId, type RecordId } from '#model';
import { compareBytes, type Random } from '#runtime';
import { finishRecord, RecordKind, recordLength, writeRecordHeader } from '#wire';

export const testDomain: DomainId = asId('DomainId', new Uint8Array(8).fill(7));
const keyId: KeyId = asId('KeyId', new Uint8Array(8).fill(9));

/** Pseudo-random bytes from a seed: the same run again for the same seed (xorshift32; not for secrets). */
export function seededRandom(seed: number): Random {
  let state = (seed * 2_654_435_761 + 1) >>> 0 || 1;
  const next = () => {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state;
  };
  return {
    bytes(count) {
      const bytes = new Uint8Array(count);
      for (let i = 0; i < count; i++) bytes[i] = next() & 0xff;
      return bytes;
    },
    fraction: () => next() / 2 ** 32,
  };
}

export interface TestRecordShape {
  readonly kind?: RecordKind;
  readonly ids?: number | readonly RecordId[];
  readonly references?: number;
  readonly sealedBytes?: number;
}

/** A record whose checksum holds and whose seal is chance: the store cannot tell. */
export function testRecord(random: Random, shape: TestRecordShape = {}): Uint8Array {
  const { kind = RecordKind.leaf, ids = 1, references = 0, sealedBytes = 20 } = shape;
  const chosen = typeof ids === 'number' ? Array.from({ length: ids }, () => testId(random)) : ids;
  const record = new Uint8Array(recordLength(chosen.length, references, sealedBytes));
  const header = {
    kind,
    domainId: testDomain,
    keyId,
    nonce: random.bytes(24),
    ids: chosen,
    references: Array.from({ length: references }, () => testId(random)).sort(compareBytes),
  };
  record.set(random.bytes(sealedBytes), writeRecordHeader(record, header, sealedBytes));
  finishRecord(record);
  return record;
}

export function testId(random: Random): RecordId {
  return asId('RecordId', random.bytes(20));
}
