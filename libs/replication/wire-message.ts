import { concatBytes } from '#runtime';
import { codecOf } from '#wire';
import { protocolViolation } from './errors.ts';

/** Records that travel compressed together; PROTOCOL.md section 4, "Packed records". */
export interface PackedRecords {
  /** Bytes of `content` once decompressed. */
  rawLength: number;
  /** The first 16 bytes of SHA-256 of all ids in the order of the contents. */
  check: Uint8Array;
  /** Contents that the receiver holds, 20 bytes each: behind a zero byte they are the dictionary. */
  dictionaryIds: Uint8Array;
  /** One zstd frame. */
  content: Uint8Array;
}

export type WireMessage =
  | { readonly kind: 'whole'; readonly sequence: number; readonly record: Uint8Array }
  | { readonly kind: 'packed'; readonly sequence: number; readonly packed: PackedRecords };

const sequenceBytes = 8;
/** Where a whole record has the first byte of its magic. */
const packedMark = 2;

const codec = codecOf<PackedRecords>('session.proto', 'sitepair.session.v1.PackedRecords');

/** A message of "records" that carries a record as it lies. */
export function wholeMessage(sequence: number, record: Uint8Array): Uint8Array {
  const message = Buffer.allocUnsafe(sequenceBytes + record.length);
  message.writeBigUInt64LE(BigInt(sequence), 0);
  message.set(record, sequenceBytes);
  return message;
}

/** A message of "records" that carries several contents; `sequence` is the lowest number among them. */
export function packedMessage(sequence: number, packed: PackedRecords): Uint8Array {
  const head = Buffer.allocUnsafe(sequenceBytes + 1);
  head.writeBigUInt64LE(BigInt(sequence), 0);
  head[sequenceBytes] = packedMark;
  return concatBytes([head, codec.encode(packed)]);
}

/** The number that a message begins with, which has more than 8 bytes. */
export function sequenceOf(message: Uint8Array): number {
  return Number(new DataView(message.buffer, message.byteOffset).getBigUint64(0, true));
}

/** Tells the kinds apart. Throws `protocol_violation`, and `malformed_message` from within. Views, not copies. */
export function parseWireMessage(message: Uint8Array): WireMessage {
  if (message.length <= sequenceBytes) throw protocolViolation('a record of impossible size');
  const sequence = sequenceOf(message);
  if (!Number.isSafeInteger(sequence)) throw protocolViolation('a wrong sequence number');
  const body = message.subarray(sequenceBytes);
  if (body[0] !== packedMark) return { kind: 'whole', sequence, record: body };
  return { kind: 'packed', sequence, packed: codec.decode(body.subarray(1)) };
}
