import { asId, type PackId } from '#model';
import { equalBytes } from '#runtime';
import { sha256 } from '#wire';
import { packHeaderBytes } from './pack-header.ts';

const markerMagic = new Uint8Array([0xa7, 0x53, 0x50, 0x43, 0x0d, 0x0a, 0x1a, 0x31]);
export const markerBytes = 128;
const hashedBytes = 96;

/** Ends a group of records; they are acknowledged when it is on stable storage. */
export interface CommitMarker {
  readonly packId: PackId;
  /** From 0. */
  readonly group: number;
  readonly records: number;
  /** Offset of the group's first record. */
  readonly start: number;
  /** Bytes of all its records. */
  readonly length: number;
  /** SHA-256 of the records' checksums, one after the other (32 bytes). */
  readonly checksumsHash: Uint8Array;
}

export function encodeMarker(marker: CommitMarker): Uint8Array {
  const bytes = new Uint8Array(markerBytes);
  const view = new DataView(bytes.buffer);
  bytes.set(markerMagic, 0);
  bytes.set(marker.packId, 8);
  view.setUint32(24, marker.group, true);
  view.setUint32(28, marker.records, true);
  view.setBigUint64(32, BigInt(marker.start), true);
  view.setBigUint64(40, BigInt(marker.length), true);
  bytes.set(marker.checksumsHash, 48);
  bytes.set(sha256(bytes.subarray(0, hashedBytes)), hashedBytes);
  return bytes;
}

/**
 * The marker in these 128 bytes, which lie at `offset` of their pack; undefined when it is not valid in itself, is of
 * another pack (an old block of the disk may hold one), or does not end right here.
 */
export function decodeMarker(bytes: Uint8Array, offset: number, packId: PackId | undefined): CommitMarker | undefined {
  if (bytes.length !== markerBytes || !equalBytes(bytes.subarray(0, 8), markerMagic)) return undefined;
  if (!equalBytes(sha256(bytes.subarray(0, hashedBytes)), bytes.subarray(hashedBytes))) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const marker = {
    packId: asId('PackId', new Uint8Array(bytes.subarray(8, 24))),
    group: view.getUint32(24, true),
    records: view.getUint32(28, true),
    start: Number(view.getBigUint64(32, true)),
    length: Number(view.getBigUint64(40, true)),
    checksumsHash: new Uint8Array(bytes.subarray(48, 80)),
  };
  if (packId !== undefined && !equalBytes(marker.packId, packId)) return undefined;
  if (marker.start < packHeaderBytes || marker.start + marker.length !== offset) return undefined;
  if (bytes.subarray(80, hashedBytes).some((byte) => byte !== 0)) return undefined;
  return marker;
}
