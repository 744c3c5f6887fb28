import { padmeLength } from '#keys';
import { recordDamaged } from '#wire';
import type { CompressedBody, Compression } from './compression.ts';

const prefixBytes = 5;

/** What is sealed: method ‖ length ‖ body ‖ zeros up to Padmé (FORMAT.md section 2). */
export function encodeInner({ compression, body }: CompressedBody): Uint8Array {
  const inner = Buffer.alloc(padmeLength(prefixBytes + body.length));
  inner[0] = compression;
  inner.writeUInt32LE(body.length, 1);
  inner.set(body, prefixBytes);
  return inner;
}

/** The compressed body in opened bytes, as a view. */
export function decodeInner(inner: Uint8Array): CompressedBody {
  if (inner.length < prefixBytes) throw recordDamaged('its sealed part is too short');
  const length = new DataView(inner.buffer, inner.byteOffset).getUint32(1, true);
  if (padmeLength(prefixBytes + length) !== inner.length) throw recordDamaged('its padding is wrong');
  return { compression: inner[0] as Compression, body: inner.subarray(prefixBytes, prefixBytes + length) };
}
