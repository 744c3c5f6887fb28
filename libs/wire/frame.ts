import { recordDamaged, recordLimits } from './record.ts';

/** FORMAT.md section 3: the raw body of a leaf. */
export const frameRawMaxBytes = 4_194_304;
export const chunkMaxBytes = 2_097_152;

/** Bytes that a frame needs before its chunks. */
export function frameTableBytes(count: number): number {
  return 4 + 4 * count;
}

/** Builds the raw body of a frame from its chunks. */
export function encodeFrame(chunks: readonly Uint8Array[]): Uint8Array {
  let total = frameTableBytes(chunks.length);
  for (const chunk of chunks) total += chunk.length;
  const body = Buffer.allocUnsafe(total);
  body.writeUInt32LE(chunks.length, 0);
  let at = frameTableBytes(chunks.length);
  chunks.forEach((chunk, i) => {
    body.writeUInt32LE(chunk.length, 4 + 4 * i);
    body.set(chunk, at);
    at += chunk.length;
  });
  return body;
}

/** The chunks of a raw frame body, as views; refuses counts and lengths that do not fit (`record_damaged`). */
export function decodeFrame(body: Uint8Array, expectedCount?: number): Uint8Array[] {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const count = body.length >= 4 ? view.getUint32(0, true) : 0;
  if (count === 0 || count > recordLimits.ids || body.length < frameTableBytes(count))
    throw recordDamaged('its frame has no valid table');
  if (expectedCount !== undefined && count !== expectedCount)
    throw recordDamaged('its frame holds another number of chunks');
  const chunks: Uint8Array[] = [];
  let at = frameTableBytes(count);
  for (let i = 0; i < count; i++) {
    const length = view.getUint32(4 + 4 * i, true);
    if (length === 0 || length > chunkMaxBytes || at + length > body.length)
      throw recordDamaged('its frame has a wrong length');
    chunks.push(body.subarray(at, at + length));
    at += length;
  }
  if (at !== body.length) throw recordDamaged('its frame has bytes left over');
  return chunks;
}
