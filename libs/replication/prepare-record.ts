import type { ContentHash, RecordId } from '#model';
import { compressBody, type KeyBook, openLeaf, sealLeaf } from '#records';
import { type Random, toHex } from '#runtime';
import { encodeFrame, RecordKind, type RecordView } from '#wire';

/**
 * The bytes to send for a record of which the receiver wants `ids`: the record as it lies, or, when the receiver has
 * declined more than half of a frame's ids, a new frame of those wanted. Ids that were not offered yet may still come to
 * be wanted. Without keys (a blind peer sends) records go whole.
 */
export async function prepareRecord(
  record: RecordView,
  ids: readonly RecordId[],
  declined: number,
  keys: KeyBook | undefined,
  random: Random,
): Promise<Uint8Array> {
  const worthIt = record.kind === RecordKind.leaf && declined * 2 > record.ids.length;
  if (!worthIt || keys === undefined || !keys.hasDomain(record.domainId)) return record.bytes;
  const wanted = new Set(ids.map(toHex));
  const chunks = openLeaf(keys, record).filter((chunk) => wanted.has(toHex(chunk.id)));
  const frame = await compressBody(encodeFrame(chunks.map((chunk) => chunk.content)));
  const hashes: ContentHash[] = chunks.map((chunk) => chunk.hash);
  return sealLeaf({ keys, domainId: record.domainId, random }, hashes, frame).bytes;
}
