import type { Extent } from '#model';
import { textOf } from '../path-text.ts';

const zeroBytes = Buffer.alloc(1_048_576);

/** True for a run of zeros, and for a chunk that was found and is as long as it should be. */
export function isThere(extent: Extent, contents: ReadonlyMap<string, Uint8Array>): boolean {
  return extent.chunkHash.length === 0 || contents.get(textOf(extent.chunkHash))?.length === extent.length;
}

/** The bytes of an extent; zeros for a run of zeros, and for a chunk that is lost. */
export function* contentOf(extent: Extent, contents: ReadonlyMap<string, Uint8Array>): Generator<Buffer> {
  const content = contents.get(textOf(extent.chunkHash));
  if (content?.length === extent.length) {
    yield Buffer.from(content.buffer, content.byteOffset, content.byteLength);
    return;
  }
  for (let left = extent.length; left > 0; left -= zeroBytes.length) yield zeroBytes.subarray(0, left);
}

/** Parts of `extents` with about `heldBytesMax` of content each. */
export function* windows(extents: readonly Extent[], heldBytesMax: number): Generator<Extent[]> {
  let window: Extent[] = [];
  let bytes = 0;
  for (const extent of extents) {
    window.push(extent);
    if (extent.chunkHash.length > 0) bytes += extent.length;
    if (bytes < heldBytesMax) continue;
    yield window;
    window = [];
    bytes = 0;
  }
  if (window.length > 0) yield window;
}
