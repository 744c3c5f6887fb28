import { parseRecord, recordMagic, sha256, sha256Of } from '#wire';

const magicOf = (letter: string) =>
  Buffer.concat([recordMagic.subarray(0, 3), Buffer.from(letter), recordMagic.subarray(4)]);
export const packHeaderBytes = 64;

export interface PackPlan {
  readonly class: 1 | 2;
  readonly realmId: Uint8Array;
  readonly packId: Uint8Array;
  /** Records by group: a commit marker follows each group. */
  readonly groups: readonly (readonly Uint8Array[])[];
  /** With footer and trailer. */
  readonly closed: boolean;
}

/** A pack as FORMAT.md section 6 has it, and where each of its records starts. */
export function packBytes(plan: PackPlan): { readonly bytes: Buffer; readonly offsets: number[] } {
  const head = Buffer.concat([magicOf('P'), Buffer.of(1, plan.class), Buffer.alloc(6), plan.packId, plan.realmId]);
  const parts: Uint8Array[] = [head, sha256(head).subarray(0, 16)];
  const footer: Uint8Array[] = [];
  const offsets: number[] = [];
  let at = packHeaderBytes;
  for (const [number, records] of plan.groups.entries()) {
    const start = at;
    for (const record of records) {
      footer.push(footerEntry(record, at));
      offsets.push(at);
      parts.push(record);
      at += record.length;
    }
    parts.push(marker(plan.packId, number, records, start));
    at += 128;
  }
  if (plan.closed) parts.push(...ending(footer, at));
  return { bytes: Buffer.concat(parts), offsets };
}

function marker(packId: Uint8Array, number: number, records: readonly Uint8Array[], start: number): Buffer {
  const bytes = Buffer.alloc(128);
  magicOf('C').copy(bytes);
  bytes.set(packId, 8);
  bytes.writeUInt32LE(number, 24);
  bytes.writeUInt32LE(records.length, 28);
  bytes.writeBigUInt64LE(BigInt(start), 32);
  bytes.writeBigUInt64LE(BigInt(records.reduce((sum, record) => sum + record.length, 0)), 40);
  bytes.set(sha256Of(records.map((record) => record.subarray(-16))), 48);
  bytes.set(sha256(bytes.subarray(0, 96)), 96);
  return bytes;
}

function footerEntry(record: Uint8Array, at: number): Buffer {
  const { kind, domainId, checksum, ids } = parseRecord(record);
  const head = Buffer.alloc(16);
  head.writeBigUInt64LE(BigInt(at), 0);
  head.writeUInt32LE(record.length, 8);
  head[12] = kind;
  head.writeUInt16LE(ids.length, 14);
  return Buffer.concat([head, domainId, checksum, ...ids]);
}

function ending(entries: readonly Uint8Array[], at: number): Buffer[] {
  const footer = Buffer.concat(entries);
  const trailer = Buffer.alloc(32);
  magicOf('F').copy(trailer);
  trailer.writeBigUInt64LE(BigInt(at), 8);
  trailer.writeBigUInt64LE(BigInt(footer.length), 16);
  trailer.writeUInt32LE(entries.length, 24);
  return [footer, trailer, Buffer.from(sha256Of([footer, trailer]))];
}
