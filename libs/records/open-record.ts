import { xaesOpen } from '#keys';
import type { ContentHash, RecordId } from '#model';
import { compareBytes, equalBytes } from '#runtime';
import {
  decodeFrame,
  frameRawMaxBytes,
  nodePayloadMaxBytes,
  RecordKind,
  type RecordView,
  recordDamaged,
  sha256,
} from '#wire';
import { type CompressedBody, decompressBody } from './compression.ts';
import { decodeInner } from './inner-bytes.ts';
import type { KeyBook } from './key-book.ts';
import { referencesOf } from './seal-record.ts';

/** A chunk in a frame, checked against its id. */
export interface OpenedChunk {
  readonly id: RecordId;
  readonly hash: ContentHash;
  readonly content: Uint8Array;
}

/** Opens the seal only: the compressed body, proved to be what a member of the realm sealed under these names. */
export function openBody(keys: KeyBook, record: RecordView): CompressedBody {
  const key = keys.dataKey(record.keyId);
  let inner: Uint8Array;
  try {
    inner = xaesOpen(key, record.nonce, record.sealed, record.headerPart);
  } catch (cause) {
    throw recordDamaged('its seal does not open', cause);
  }
  return decodeInner(inner);
}

/** Opens a leaf and checks each chunk's content against its id. Throws `record_damaged` or `key_missing`. */
export function openLeaf(keys: KeyBook, record: RecordView): OpenedChunk[] {
  if (record.kind !== RecordKind.leaf) throw recordDamaged('it is a node where a leaf is expected');
  const raw = decompressBody(openBody(keys, record), frameRawMaxBytes);
  const namer = keys.namer(record.domainId);
  return decodeFrame(raw, record.ids.length).map((content, i) => {
    const hash = sha256(content) as ContentHash;
    const id = record.ids[i] as RecordId;
    if (!equalBytes(namer.name('leaf', hash), id)) throw recordDamaged('a chunk in it is not what its id names');
    return { id, hash, content };
  });
}

/** Opens a node: its payload, checked against its id, with its references recomputed. */
export function openNode(
  keys: KeyBook,
  record: RecordView,
): { readonly hash: ContentHash; readonly payload: Uint8Array } {
  if (record.kind !== RecordKind.node) throw recordDamaged('it is a leaf where a node is expected');
  const payload = decompressBody(openBody(keys, record), nodePayloadMaxBytes);
  const hash = sha256(payload) as ContentHash;
  if (!equalBytes(keys.namer(record.domainId).name('node', hash), record.ids[0] as RecordId)) {
    throw recordDamaged('its payload is not what its id names');
  }
  const references = referencesOf(keys, record.domainId, payload);
  const same =
    references.length === record.references.length &&
    references.every((id, i) => compareBytes(id, record.references[i] as RecordId) === 0);
  if (!same) throw recordDamaged('its references are not those of its payload');
  return { hash, payload };
}

/** Everything a full member checks before it stores a record that came from elsewhere. */
export function verifyRecord(keys: KeyBook, record: RecordView): void {
  if (record.kind === RecordKind.leaf) openLeaf(keys, record);
  else openNode(keys, record);
}
