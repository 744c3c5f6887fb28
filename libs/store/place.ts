import { crc32 } from 'node:zlib';
import type { DomainId, RecordId } from '#model';
import { RecordKind } from '#wire';
import { placeValueBytes } from './place-layout.ts';

/** Where a chunk or node lies: the record that holds it, and its position among that record's ids. */
export interface Place {
  readonly pack: number;
  readonly offset: number;
  readonly length: number;
  readonly kind: RecordKind;
  readonly position: number;
}

const domainBytes = 8;

/** domain ‖ id as text of one byte a character: the fastest key a Map takes. */
export function placeKey(domainId: DomainId, id: RecordId): string {
  return latin1(domainId) + latin1(id);
}

export function placeKeyBuffer(key: string): Buffer {
  return Buffer.from(key, 'latin1');
}

/** The id in a key that `placeKey` made. */
export function idOfKey(key: string): RecordId {
  return new Uint8Array(Buffer.from(key.slice(domainBytes), 'latin1')) as RecordId;
}

export function domainOfKey(key: string): DomainId {
  return new Uint8Array(Buffer.from(key.slice(0, domainBytes), 'latin1')) as DomainId;
}

/** True when `a` was written after `b`: pack numbers grow, and so do offsets. */
export function isLater(a: Place, b: Place): boolean {
  return a.pack > b.pack || (a.pack === b.pack && a.offset > b.offset);
}

export function samePlace(a: Place, b: Place): boolean {
  return a.pack === b.pack && a.offset === b.offset;
}

/** 20 bytes: pack (5) ‖ offset (4) ‖ length (4) ‖ position (2) ‖ kind (1) ‖ CRC-32 of key and all before (4). */
export function encodePlace(key: Uint8Array, place: Place): Buffer {
  const value = Buffer.allocUnsafe(placeValueBytes);
  value.writeUIntLE(place.pack, 0, 5);
  value.writeUInt32LE(place.offset, 5);
  value.writeUInt32LE(place.length, 9);
  value.writeUInt16LE(place.position, 13);
  value[15] = place.kind;
  value.writeUInt32LE(crc32(value.subarray(0, 16), crc32(key)), 16);
  return value;
}

/** Undefined when the value is not what was stored under `key`. */
export function decodePlace(key: Uint8Array, value: Buffer): Place | undefined {
  if (value.length !== placeValueBytes) return undefined;
  if (value.readUInt32LE(16) !== crc32(value.subarray(0, 16), crc32(key))) return undefined;
  const kind = value[15];
  if (kind !== RecordKind.leaf && kind !== RecordKind.node) return undefined;
  return {
    pack: value.readUIntLE(0, 5),
    offset: value.readUInt32LE(5),
    length: value.readUInt32LE(9),
    position: value.readUInt16LE(13),
    kind,
  };
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}
