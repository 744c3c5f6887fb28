import { sealTagBytes, xaesSealInto } from '#keys';
import { type ContentHash, childrenOf, type DomainId, type RecordId } from '#model';
import { compareBytes, type Random } from '#runtime';
import {
  checksumBytes,
  decodeNode,
  finishRecord,
  type RecordHeader,
  RecordKind,
  type RecordView,
  recordLength,
  writeRecordHeader,
} from '#wire';
import type { CompressedBody } from './compression.ts';
import { encodeInner } from './inner-bytes.ts';
import type { KeyBook } from './key-book.ts';

/** What sealing needs: where the content belongs, and who may draw nonces. */
export interface SealContext {
  readonly keys: KeyBook;
  readonly domainId: DomainId;
  readonly random: Random;
}

/** Seals a frame. `hashes` are those of its chunks in order; whoever does not trust them checks them first. */
export function sealLeaf(context: SealContext, hashes: readonly ContentHash[], frame: CompressedBody): RecordView {
  const ids = context.keys.namer(context.domainId).nameAll('leaf', hashes);
  return seal(context, RecordKind.leaf, ids, [], frame);
}

/** Seals a node: `payload` is its plain bytes, from which the references are computed; `body` the same, compressed. */
export function sealNode(
  context: SealContext,
  hash: ContentHash,
  payload: Uint8Array,
  body: CompressedBody,
): RecordView {
  const ids = context.keys.namer(context.domainId).nameAll('node', [hash]);
  return seal(context, RecordKind.node, ids, referencesOf(context.keys, context.domainId, payload), body);
}

/** The ids of all that a node's payload names, sorted, each once (FORMAT.md section 4). */
export function referencesOf(keys: KeyBook, domainId: DomainId, payload: Uint8Array): RecordId[] {
  const namer = keys.namer(domainId);
  const children = childrenOf(decodeNode(payload));
  const all = [
    ...namer.nameAll('leaf', children.leafHashes as ContentHash[]),
    ...namer.nameAll('node', children.nodeHashes as ContentHash[]),
  ].sort(compareBytes);
  return all.filter((id, i) => i === 0 || compareBytes(all[i - 1] as RecordId, id) !== 0);
}

function seal(
  context: SealContext,
  kind: RecordKind,
  ids: readonly RecordId[],
  references: readonly RecordId[],
  body: CompressedBody,
): RecordView {
  const inner = encodeInner(body);
  const sealedBytes = inner.length + sealTagBytes;
  const bytes = Buffer.allocUnsafe(recordLength(ids.length, references.length, sealedBytes));
  const { keyId, key } = context.keys.sealingKey;
  const header: RecordHeader = {
    kind,
    domainId: context.domainId,
    keyId,
    nonce: context.random.bytes(24),
    ids,
    references,
  };
  const headerEnd = writeRecordHeader(bytes, header, sealedBytes);
  xaesSealInto(key, header.nonce, inner, bytes.subarray(0, headerEnd), bytes, headerEnd);
  finishRecord(bytes);
  const end = headerEnd + sealedBytes;
  if (end + checksumBytes !== bytes.length) throw new Error('bug: record length');
  // What parsing would find, without hashing all of it once more.
  return {
    ...header,
    bytes,
    headerPart: bytes.subarray(0, headerEnd),
    sealed: bytes.subarray(headerEnd, end),
    checksum: bytes.subarray(end),
  };
}
