import { isAppError } from '#runtime';
import type { Volumes } from '#targets';

const windowBytes = 4 * 1024 * 1024;
/** The piece that is given up when the device cannot read it: one page. */
const pieceBytes = 4096;

export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

/**
 * Reads one pack from its beginning to `end`, a few MiB ahead. What the device cannot read comes as zeros and stands in
 * `unreadable`, so that one bad sector costs the record on it and nothing else.
 */
export class PackWindow {
  readonly end: number;
  readonly unreadable: ByteRange[] = [];
  readonly #volumes: Volumes;
  readonly #name: string;
  readonly #onRead: ((bytes: number) => Promise<void>) | undefined;
  #buffer: Uint8Array = new Uint8Array(0);
  #start = 0;

  /** `onRead` is awaited before each read from the device with its length: for pacing and progress. */
  constructor(volumes: Volumes, name: string, end: number, onRead?: (bytes: number) => Promise<void>) {
    this.#volumes = volumes;
    this.#name = name;
    this.end = end;
    this.#onRead = onRead;
  }

  /**
   * The bytes at `offset`, fewer at the end. A view that stays as it is: later reads go into other memory. Going
   * forward is cheap, going back within the window too.
   */
  async bytes(offset: number, length: number): Promise<Uint8Array> {
    const until = Math.min(offset + length, this.end);
    if (until <= offset) return new Uint8Array(0);
    if (offset < this.#start || until > this.#start + this.#buffer.length) await this.#refill(offset, until - offset);
    return this.#buffer.subarray(offset - this.#start, until - this.#start);
  }

  async #refill(offset: number, atLeast: number): Promise<void> {
    const length = Math.min(Math.max(atLeast, windowBytes), this.end - offset);
    const buffer = new Uint8Array(length);
    const keepsFrom = offset >= this.#start ? offset - this.#start : this.#buffer.length;
    const kept = this.#buffer.subarray(keepsFrom);
    buffer.set(kept, 0);
    await this.#onRead?.(length - kept.length);
    await this.#read(buffer.subarray(kept.length), offset + kept.length);
    [this.#buffer, this.#start] = [buffer, offset];
  }

  async #read(target: Uint8Array, offset: number): Promise<void> {
    try {
      fill(target, await this.#volumes.readAt(this.#name, offset, target.length));
    } catch (error) {
      if (!isAppError(error, 'volume_io_error')) throw error;
      await this.#readInPieces(target, offset);
    }
  }

  async #readInPieces(target: Uint8Array, offset: number): Promise<void> {
    for (let at = 0; at < target.length; ) {
      const length = Math.min(pieceBytes - ((offset + at) % pieceBytes), target.length - at);
      const piece = target.subarray(at, at + length);
      try {
        fill(piece, await this.#volumes.readAt(this.#name, offset + at, length));
      } catch (error) {
        if (!isAppError(error, 'volume_io_error')) throw error;
        piece.fill(0);
        this.unreadable.push({ offset: offset + at, length });
      }
      at += length;
    }
  }
}

/** A file that is shorter than it was is damage like any other: the rest is zeros. */
function fill(target: Uint8Array, bytes: Uint8Array): void {
  target.set(bytes, 0);
  target.fill(0, bytes.length);
}
