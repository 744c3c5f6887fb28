import type { PackId } from '#model';
import { isAppError } from '#runtime';
import { parseRecord, peekRecord, type RecordView, recordHeaderBytes } from '#wire';
import { type CommitMarker, decodeMarker, markerBytes } from './commit-marker.ts';
import type { PackWindow } from './pack-window.ts';

/** What lies at one place of a pack, in order and without gaps. */
export type WalkItem =
  | { readonly what: 'record'; readonly offset: number; readonly length: number; readonly record: RecordView }
  | { readonly what: 'marker'; readonly offset: number; readonly length: number; readonly marker: CommitMarker }
  | { readonly what: 'damage'; readonly offset: number; readonly length: number };

/** Records, markers and packs have these four bytes in common but the last: `R`, `C`. */
const magicStart = Buffer.from([0xa7, 0x53, 0x50]);
/**
 * How much may be hashed to find the next record behind damage, in all of one walk: a client that seals its own
 * records could fill them with what looks like beginnings of records.
 */
const searchBytesMax = 1024 * 1024 * 1024;

/**
 * Walks the records and markers of a pack from `from` to `to`. Damage is stepped over: first by the length that the
 * damaged record itself announces, then to the next magic behind which a record or marker checks. `packId` is
 * undefined when the header that would tell it is damaged.
 */
export async function* walkPack(
  window: PackWindow,
  from: number,
  to: number,
  packId: PackId | undefined,
): AsyncGenerator<WalkItem> {
  let searchBytesLeft = searchBytesMax;
  let owner = packId;

  async function itemAt(offset: number): Promise<WalkItem | undefined> {
    const head = await window.bytes(offset, Math.min(markerBytes, to - offset));
    const marker = decodeMarker(head, offset, owner);
    if (marker !== undefined) {
      owner ??= marker.packId;
      return { what: 'marker', offset, length: markerBytes, marker };
    }
    const lengths = peekRecord(head.subarray(0, recordHeaderBytes));
    if (lengths === undefined || offset + lengths.total > to) return undefined;
    const record = checkedRecord(await window.bytes(offset, lengths.total));
    return record === undefined ? undefined : { what: 'record', offset, length: lengths.total, record };
  }

  async function nextItemBehind(offset: number): Promise<number> {
    const lengths = peekRecord(await window.bytes(offset, recordHeaderBytes));
    if (lengths !== undefined) {
      const end = offset + lengths.total;
      if (end === to || (end < to && (await itemAt(end)) !== undefined)) return end;
    }
    for (let at = await nextMagic(offset + 1); at < to; at = await nextMagic(at + 1)) {
      const announced = peekRecord(await window.bytes(at, recordHeaderBytes))?.total ?? 0;
      if (announced > searchBytesLeft) continue;
      searchBytesLeft -= announced;
      if ((await itemAt(at)) !== undefined) return at;
    }
    return to;
  }

  async function nextMagic(offset: number): Promise<number> {
    const step = 1024 * 1024;
    for (let at = offset; at < to; at += step) {
      const bytes = await window.bytes(at, Math.min(step + magicStart.length - 1, to - at));
      const found = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).indexOf(magicStart);
      if (found >= 0) return at + found;
    }
    return to;
  }

  for (let at = from; at < to; ) {
    const item = await itemAt(at);
    if (item === undefined) {
      const next = await nextItemBehind(at);
      yield { what: 'damage', offset: at, length: next - at };
      at = next;
    } else {
      yield item;
      at += item.length;
    }
  }
}

function checkedRecord(bytes: Uint8Array): RecordView | undefined {
  try {
    return parseRecord(bytes);
  } catch (error) {
    if (isAppError(error, 'record_damaged')) return undefined;
    throw error;
  }
}
