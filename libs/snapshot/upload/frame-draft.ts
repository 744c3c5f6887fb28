import { assert } from '#runtime';
import { chunkMaxBytes, frameTableBytes } from '#wire';

export const frameTargetBytes = 1_048_576;
const frameChunksMax = 4096;
// The table grows towards the front, so that a finished frame is one run of bytes and nothing was copied twice.
const contentAt = frameTableBytes(frameChunksMax);
// A frame just below its target may still take the longest chunk.
const capacityBytes = contentAt + frameTargetBytes + chunkMaxBytes;

/** A frame being filled: FORMAT.md section 3. Keep and clear it: its buffer is worth reusing. */
export class FrameDraft {
  readonly #buffer = Buffer.allocUnsafeSlow(capacityBytes);
  #hashes: Uint8Array[] = [];
  #lengths: number[] = [];
  #end = contentAt;

  get hashes(): readonly Uint8Array[] {
    return this.#hashes;
  }

  /** Bytes of the chunks. */
  get bytes(): number {
    return this.#end - contentAt;
  }

  get isFull(): boolean {
    return this.bytes >= frameTargetBytes || this.#hashes.length === frameChunksMax;
  }

  /** Copies a chunk in; not when `isFull`. */
  add(hash: Uint8Array, content: Uint8Array): void {
    assert(!this.isFull && content.length <= chunkMaxBytes, 'a draft that is full takes no more');
    this.#buffer.set(content, this.#end);
    this.#end += content.length;
    this.#hashes.push(hash);
    this.#lengths.push(content.length);
  }

  /** The chunks with their hashes, in order; contents are views. */
  *chunks(): Generator<{ readonly hash: Uint8Array; readonly content: Uint8Array }> {
    let at = contentAt;
    for (const [i, length] of this.#lengths.entries()) {
      yield { hash: this.#hashes[i] as Uint8Array, content: this.#buffer.subarray(at, at + length) };
      at += length;
    }
  }

  /** Throws out the chunks that are not `wanted` (one answer a chunk). */
  keep(wanted: readonly boolean[]): void {
    if (wanted.every(Boolean)) return;
    const kept = [...this.chunks()].filter((_, i) => wanted[i]);
    this.clear();
    // Each chunk moves to the front or stays, so none is overwritten before it was copied.
    for (const { hash, content } of kept) this.add(hash, content);
  }

  /** The raw body of the frame, a view that holds until `clear`. */
  body(): Uint8Array {
    const start = contentAt - frameTableBytes(this.#lengths.length);
    this.#buffer.writeUInt32LE(this.#lengths.length, start);
    for (const [i, length] of this.#lengths.entries()) this.#buffer.writeUInt32LE(length, start + 4 + 4 * i);
    return this.#buffer.subarray(start, this.#end);
  }

  clear(): void {
    this.#hashes = [];
    this.#lengths = [];
    this.#end = contentAt;
  }
}
