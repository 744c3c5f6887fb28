import type { RecordId } from '#model';
import { concatBytes } from '#runtime';
import { decodeFrame, frameRawMaxBytes, nodePayloadMaxBytes, RecordKind, sha256 } from '#wire';
import { protocolViolation } from './errors.ts';
import { packedContentsMax } from './packed-limits.ts';

/** One record among packed ones: its body as it is before compression. */
export interface PackedBody {
  readonly sequence: number;
  readonly kind: RecordKind;
  /** A frame with its table, or the payload of a node. */
  readonly body: Uint8Array;
}

const headBytes = 9;
const checkBytes = 16;

/** Raw bytes that a body takes among packed ones. */
export function packedBytes(body: Uint8Array): number {
  return headBytes + body.length;
}

/** What is compressed: the bodies one after the other, each behind kind, number and length. */
export function encodeBodies(first: number, bodies: readonly PackedBody[]): Uint8Array {
  const raw = Buffer.allocUnsafe(bodies.reduce((sum, { body }) => sum + packedBytes(body), 0));
  let at = 0;
  for (const { sequence, kind, body } of bodies) {
    raw[at] = kind;
    raw.writeUInt32LE(sequence - first, at + 1);
    raw.writeUInt32LE(body.length, at + 5);
    raw.set(body, at + headBytes);
    at += headBytes + body.length;
  }
  return raw;
}

/** The bodies as views. Throws `protocol_violation` for whatever does not fit; frames are checked by who takes them apart. */
export function decodeBodies(first: number, raw: Uint8Array): PackedBody[] {
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  const bodies: PackedBody[] = [];
  for (let at = 0; at < raw.length; ) {
    if (raw.length - at < headBytes) throw protocolViolation('a packed record that is cut off');
    const kind = view.getUint8(at);
    const length = view.getUint32(at + 5, true);
    if (kind !== RecordKind.leaf && kind !== RecordKind.node) throw protocolViolation('a packed record of no kind');
    if (
      length > (kind === RecordKind.leaf ? frameRawMaxBytes : nodePayloadMaxBytes) ||
      at + headBytes + length > raw.length
    )
      throw protocolViolation('a packed record of impossible size');
    // Each holds a content at least.
    if (bodies.length >= packedContentsMax) throw protocolViolation('too many packed records');
    const sequence = first + view.getUint32(at + 1, true);
    bodies.push({ sequence, kind, body: raw.subarray(at + headBytes, at + headBytes + length) });
    at += headBytes + length;
  }
  if (bodies.length === 0) throw protocolViolation('packed records that are none');
  return bodies;
}

/** The contents that get ids: the chunks of a frame, or the payload of a node. */
export function contentsOf({ kind, body }: PackedBody): Uint8Array[] {
  return kind === RecordKind.leaf ? decodeFrame(body) : [body];
}

/** Stands for all ids of a message: they need not travel, since they follow from the contents. */
export function checkOf(ids: readonly RecordId[]): Uint8Array {
  return sha256(concatBytes(ids)).subarray(0, checkBytes);
}
