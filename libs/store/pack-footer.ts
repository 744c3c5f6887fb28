import { type DomainId, type RecordId, splitIds } from '#model';
import { concatBytes, equalBytes } from '#runtime';
import { checksumBytes, RecordKind, type RecordView, recordLimits, sha256Of } from '#wire';
import { packHeaderBytes } from './pack-header.ts';

const magic = new Uint8Array([0xa7, 0x53, 0x50, 0x46, 0x0d, 0x0a, 0x1a, 0x31]);
const entryHeadBytes = 40;
const idBytes = 20;
const trailerHashedBytes = 32;
export const trailerBytes = 64;

/** What a footer says of one record. */
export interface FooterEntry {
  readonly offset: number;
  readonly length: number;
  readonly kind: RecordKind;
  readonly domainId: DomainId;
  /** 16 bytes. */
  readonly checksum: Uint8Array;
  readonly ids: readonly RecordId[];
}

export interface Trailer {
  readonly footerOffset: number;
  readonly footerLength: number;
  readonly records: number;
  /** SHA-256 of the footer and the trailer's first half (32 bytes). */
  readonly hash: Uint8Array;
}

/** The entry of a record at `offset`. Holds no view into the record, which may be large. */
export function entryOf(record: RecordView, offset: number): FooterEntry {
  return {
    offset,
    length: record.bytes.length,
    kind: record.kind,
    domainId: new Uint8Array(record.domainId) as DomainId,
    checksum: new Uint8Array(record.checksum),
    ids: splitIds('RecordId', concatBytes(record.ids)),
  };
}

function encodeFooterEntry(entry: FooterEntry): Uint8Array {
  const bytes = new Uint8Array(entryHeadBytes + idBytes * entry.ids.length);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(entry.offset), true);
  view.setUint32(8, entry.length, true);
  bytes[12] = entry.kind;
  view.setUint16(14, entry.ids.length, true);
  bytes.set(entry.domainId, 16);
  bytes.set(entry.checksum, 24);
  for (const [i, id] of entry.ids.entries()) bytes.set(id, entryHeadBytes + idBytes * i);
  return bytes;
}

/** The end of a pack: footer and trailer, in parts to write. `offset` is where the footer will lie. */
export function encodeFooter(entries: readonly FooterEntry[], offset: number): Uint8Array[] {
  const footer = concatBytes(entries.map(encodeFooterEntry));
  const half = new Uint8Array(trailerHashedBytes);
  const view = new DataView(half.buffer);
  half.set(magic, 0);
  view.setBigUint64(8, BigInt(offset), true);
  view.setBigUint64(16, BigInt(footer.length), true);
  view.setUint32(24, entries.length, true);
  return [footer, half, sha256Of([footer, half])];
}

/** Reads the last 64 bytes of a pack of `packBytes`; undefined when they are no trailer that fits it. */
export function decodeTrailer(bytes: Uint8Array, packBytes: number): Trailer | undefined {
  if (bytes.length !== trailerBytes || !equalBytes(bytes.subarray(0, 8), magic)) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const trailer = {
    footerOffset: Number(view.getBigUint64(8, true)),
    footerLength: Number(view.getBigUint64(16, true)),
    records: view.getUint32(24, true),
    hash: new Uint8Array(bytes.subarray(trailerHashedBytes)),
  };
  const fits =
    trailer.footerOffset >= packHeaderBytes && trailer.footerOffset + trailer.footerLength + trailerBytes === packBytes;
  return fits ? trailer : undefined;
}

/**
 * The entries of a footer; undefined when its bytes are not what the trailer's hash says, or (never, unless they were
 * forged together) do not parse. `trailerHead` is the trailer's first 32 bytes.
 */
export function decodeFooter(footer: Uint8Array, trailer: Trailer, trailerHead: Uint8Array): FooterEntry[] | undefined {
  if (!equalBytes(sha256Of([footer, trailerHead]), trailer.hash)) return undefined;
  const entries: FooterEntry[] = [];
  for (let at = 0; at < footer.length; ) {
    const entry = decodeEntry(footer, at);
    if (entry === undefined || entry.offset + entry.length > trailer.footerOffset) return undefined;
    entries.push(entry);
    at += entryHeadBytes + idBytes * entry.ids.length;
  }
  return entries.length === trailer.records ? entries : undefined;
}

function decodeEntry(footer: Uint8Array, at: number): FooterEntry | undefined {
  if (footer.length - at < entryHeadBytes) return undefined;
  const view = new DataView(footer.buffer, footer.byteOffset + at);
  const [offset, kind, idCount] = [Number(view.getBigUint64(0, true)), footer[at + 12], view.getUint16(14, true)];
  const end = at + entryHeadBytes + idBytes * idCount;
  if (kind !== RecordKind.leaf && kind !== RecordKind.node) return undefined;
  if (offset < packHeaderBytes || idCount < 1 || idCount > recordLimits.ids || end > footer.length) return undefined;
  return {
    offset,
    length: view.getUint32(8, true),
    kind,
    domainId: new Uint8Array(footer.subarray(at + 16, at + 24)) as DomainId,
    checksum: new Uint8Array(footer.subarray(at + 24, at + 24 + checksumBytes)),
    ids: splitIds('RecordId', new Uint8Array(footer.subarray(at + entryHeadBytes, end))),
  };
}
