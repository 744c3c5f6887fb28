import type { DomainId, RecordId } from '#model';
import { splitIds } from '#model';
import { peekRecord, recordHeaderBytes } from '#wire';
import { markerBytes } from './commit-marker.ts';
import type { FooterEntry } from './pack-footer.ts';
import type { ByteRange, PackWindow } from './pack-window.ts';

/** A piece of damage with what it was, as far as anything still tells. */
export interface DamagedPiece extends ByteRange {
  readonly what: 'record' | 'marker' | 'unreadable';
  readonly domainId?: DomainId;
  /** Of a record; empty when nothing tells them. */
  readonly ids: readonly RecordId[];
}

/**
 * Splits a range that does not check into the records and markers that lay there: by the footer's entries where there
 * is a footer, else by what the records' own headers still say.
 */
export async function splitDamage(
  window: PackWindow,
  range: ByteRange,
  entries: readonly FooterEntry[] | undefined,
): Promise<DamagedPiece[]> {
  const records = entries === undefined ? await byHeaders(window, range) : byFooter(range, entries);
  const pieces: DamagedPiece[] = [];
  let at = range.offset;
  for (const record of records) {
    if (record.offset > at) pieces.push(between(at, record.offset));
    pieces.push(record);
    at = record.offset + record.length;
  }
  if (at < range.offset + range.length) pieces.push(between(at, range.offset + range.length));
  return pieces;
}

function byFooter(range: ByteRange, entries: readonly FooterEntry[]): DamagedPiece[] {
  const end = range.offset + range.length;
  return entries
    .filter((entry) => entry.offset < end && entry.offset + entry.length > range.offset)
    .map(({ offset, length, domainId, ids }) => ({ what: 'record', offset, length, domainId, ids }));
}

async function byHeaders(window: PackWindow, range: ByteRange): Promise<DamagedPiece[]> {
  const pieces: DamagedPiece[] = [];
  const end = range.offset + range.length;
  for (let offset = range.offset; offset < end; ) {
    const head = await window.bytes(offset, recordHeaderBytes);
    const lengths = peekRecord(head);
    if (lengths === undefined || offset + lengths.total > end) break;
    // A flipped count or length seldom fits the range; a flipped id names nothing that exists and does no harm.
    const ids = await window.bytes(offset + recordHeaderBytes, 20 * lengths.idCount);
    pieces.push({
      what: 'record',
      offset,
      length: lengths.total,
      domainId: new Uint8Array(head.subarray(24, 32)) as DomainId,
      ids: splitIds('RecordId', new Uint8Array(ids)),
    });
    offset += lengths.total;
  }
  return pieces;
}

function between(from: number, to: number): DamagedPiece {
  return { what: to - from === markerBytes ? 'marker' : 'unreadable', offset: from, length: to - from, ids: [] };
}
