import { createHash, hash } from 'node:crypto';
import type { DomainId, KeyId, RecordId } from '#model';
import { AppError, assert } from '#runtime';

/** FORMAT.md section 2. Kind also enters the id, so a leaf can never pass for a node. */
export const RecordKind = { leaf: 1, node: 2 } as const;
export type RecordKind = (typeof RecordKind)[keyof typeof RecordKind];

export const recordMagic = new Uint8Array([0xa7, 0x53, 0x50, 0x52, 0x0d, 0x0a, 0x1a, 0x31]);
export const recordHeaderBytes = 64;
export const checksumBytes = 16;
export const recordLimits = {
  ids: 4096,
  references: 65_536,
  sealedMin: 17,
  sealedMax: 4_194_304 + 65_536,
} as const;
/** The largest record that a reader accepts. */
export const recordMaxBytes =
  recordHeaderBytes + 20 * (recordLimits.ids + recordLimits.references) + recordLimits.sealedMax + checksumBytes;

const idBytes = 20;
const flagClientHeld = 1;

/** Everything before the sealed bytes: what the seal is bound to. */
export interface RecordHeader {
  readonly kind: RecordKind;
  readonly domainId: DomainId;
  readonly keyId: KeyId;
  /** 24 bytes. */
  readonly nonce: Uint8Array;
  readonly ids: readonly RecordId[];
  /** Sorted, each once; empty for leaves. */
  readonly references: readonly RecordId[];
}

/** A parsed record: views into its bytes. */
export interface RecordView extends RecordHeader {
  readonly bytes: Uint8Array;
  /** The associated data of the seal. */
  readonly headerPart: Uint8Array;
  readonly sealed: Uint8Array;
  readonly checksum: Uint8Array;
}

/** Lengths that the fixed 64 bytes of a header announce. */
export interface RecordLengths {
  readonly total: number;
  readonly idCount: number;
  readonly referenceCount: number;
  readonly sealedBytes: number;
}

/** Bytes of a whole record with these counts. */
export function recordLength(idCount: number, referenceCount: number, sealedBytes: number): number {
  return recordHeaderBytes + idBytes * (idCount + referenceCount) + sealedBytes + checksumBytes;
}

/** Writes the header part of a record into `target` and returns its length. */
export function writeRecordHeader(target: Uint8Array, header: RecordHeader, sealedBytes: number): number {
  assert(header.ids.length > 0 && header.ids.length <= recordLimits.ids, 'record with no or too many ids');
  assert(header.references.length <= recordLimits.references, 'record with too many references');
  assert(sealedBytes <= recordLimits.sealedMax, 'record too large');
  const view = new DataView(target.buffer, target.byteOffset, target.byteLength);
  target.set(recordMagic, 0);
  target[8] = 1;
  target[9] = header.kind;
  view.setUint16(10, 0, true);
  view.setUint32(12, header.ids.length, true);
  view.setUint32(16, header.references.length, true);
  view.setUint32(20, sealedBytes, true);
  target.set(header.domainId, 24);
  target.set(header.keyId, 32);
  target.set(header.nonce, 40);
  let at = recordHeaderBytes;
  for (const id of header.ids) {
    target.set(id, at);
    at += idBytes;
  }
  for (const reference of header.references) {
    target.set(reference, at);
    at += idBytes;
  }
  return at;
}

/** Sets the checksum at the end of `record`, which is otherwise complete. */
export function finishRecord(record: Uint8Array): void {
  record.set(
    sha256(record.subarray(0, record.length - checksumBytes)).subarray(0, checksumBytes),
    record.length - checksumBytes,
  );
}

/**
 * Reads the lengths from the first 64 bytes; undefined when these are not the start of a record that this version can
 * read: wrong magic, version, kind, flags, or a count beyond its limit. Nothing is allocated for them.
 */
export function peekRecord(bytes: Uint8Array): RecordLengths | undefined {
  if (bytes.length < recordHeaderBytes) return undefined;
  for (let i = 0; i < recordMagic.length; i++) if (bytes[i] !== recordMagic[i]) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [kind, flags] = [bytes[9], view.getUint16(10, true)];
  const [idCount, referenceCount, sealedBytes] = [
    view.getUint32(12, true),
    view.getUint32(16, true),
    view.getUint32(20, true),
  ];
  if (bytes[8] !== 1 || (kind !== RecordKind.leaf && kind !== RecordKind.node) || (flags & ~flagClientHeld) !== 0)
    return undefined;
  if (flags !== 0) return undefined;
  const countsFit =
    kind === RecordKind.leaf
      ? idCount >= 1 && idCount <= recordLimits.ids && referenceCount === 0
      : idCount === 1 && referenceCount <= recordLimits.references;
  if (!countsFit || sealedBytes < recordLimits.sealedMin || sealedBytes > recordLimits.sealedMax) return undefined;
  return { total: recordLength(idCount, referenceCount, sealedBytes), idCount, referenceCount, sealedBytes };
}

/** Parses a whole record and checks its checksum, nothing that needs a key. Throws AppError `record_damaged`. */
export function parseRecord(bytes: Uint8Array): RecordView {
  const lengths = peekRecord(bytes);
  if (lengths === undefined || lengths.total !== bytes.length)
    throw recordDamaged('its header does not fit its length');
  const end = bytes.length - checksumBytes;
  const checksum = bytes.subarray(end);
  if (Buffer.compare(sha256(bytes.subarray(0, end)).subarray(0, checksumBytes), checksum) !== 0) {
    throw recordDamaged('its checksum does not fit');
  }
  const headerEnd = end - lengths.sealedBytes;
  const idsEnd = recordHeaderBytes + idBytes * lengths.idCount;
  const references = slices(bytes, idsEnd, headerEnd);
  for (let i = 1; i < references.length; i++) {
    const [before, here] = [references[i - 1], references[i]];
    if (before && here && Buffer.compare(before, here) >= 0) throw recordDamaged('its references are not a sorted set');
  }
  return {
    kind: bytes[9] as RecordKind,
    domainId: bytes.subarray(24, 32) as DomainId,
    keyId: bytes.subarray(32, 40) as KeyId,
    nonce: bytes.subarray(40, 64),
    ids: slices(bytes, recordHeaderBytes, idsEnd),
    references,
    bytes,
    headerPart: bytes.subarray(0, headerEnd),
    sealed: bytes.subarray(headerEnd, end),
    checksum,
  };
}

/** The error for a record whose bytes are not what was written. */
export function recordDamaged(why: string, cause?: unknown): AppError {
  return new AppError(`a record is damaged: ${why}`, {
    code: 'record_damaged',
    advice: 'Run "sitepair scrub --heal" to fetch a good copy from a peer.',
    cause,
  });
}

/** SHA-256 of one buffer; the one-shot form is faster for what records hold. */
export function sha256(bytes: Uint8Array): Uint8Array {
  return hash('sha256', bytes, 'buffer');
}

/** SHA-256 over several buffers. */
export function sha256Of(parts: Iterable<Uint8Array>): Uint8Array {
  const running = createHash('sha256');
  for (const part of parts) running.update(part);
  return running.digest();
}

function slices(bytes: Uint8Array, from: number, to: number): RecordId[] {
  const ids: RecordId[] = [];
  for (let at = from; at < to; at += idBytes) ids.push(bytes.subarray(at, at + idBytes) as RecordId);
  return ids;
}
