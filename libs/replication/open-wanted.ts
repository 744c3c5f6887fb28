import type { RecordId } from '#model';
import { type KeyBook, openLeaf, openNode } from '#records';
import { toHex } from '#runtime';
import { encodeFrame, RecordKind, type RecordView } from '#wire';

/** What of a record is to travel, opened. */
export interface OpenedRecord {
  readonly record: RecordView;
  readonly ids: readonly RecordId[];
  /** In the order of `ids`. */
  readonly contents: readonly Uint8Array[];
  /** A frame of these contents, or the payload of the node. */
  readonly body: Uint8Array;
  /** What it takes as it lies: of a frame that is not wanted whole, the share of what is wanted. */
  readonly storedBytes: number;
  /** It brings all that the record holds. */
  readonly isWhole: boolean;
}

/** Opens a record and takes out what the receiver wants; all of it, when it has declined nothing. */
export function openWanted(
  keys: KeyBook,
  record: RecordView,
  ids: readonly RecordId[],
  declined: number,
): OpenedRecord {
  if (record.kind === RecordKind.node) {
    const { payload } = openNode(keys, record);
    const { length } = record.bytes;
    return { record, ids: record.ids, contents: [payload], body: payload, storedBytes: length, isWhole: true };
  }
  const all = openLeaf(keys, record);
  const wanted = new Set(ids.map(toHex));
  const chunks = declined === 0 ? all : all.filter(({ id }) => wanted.has(toHex(id)));
  const contents = chunks.map(({ content }) => content);
  const share = bytesOf(contents) / bytesOf(all.map(({ content }) => content));
  return {
    record,
    ids: chunks.map(({ id }) => id),
    contents,
    body: encodeFrame(contents),
    storedBytes: Math.round(record.bytes.length * share),
    isWhole: chunks.length === all.length,
  };
}

function bytesOf(contents: readonly Uint8Array[]): number {
  return contents.reduce((sum, { length }) => sum + length, 0);
}
