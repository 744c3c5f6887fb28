import { sha256Of } from '#wire';
import { catalogLimits } from './limits.ts';

/** CATALOG.md section 2. The last byte is the version. */
const frameMagic = new Uint8Array([0xa7, 0x53, 0x50, 0x42, 0x0d, 0x0a, 0x1a, 0x31]);
const frameHeaderBytes = 12;
const frameChecksumBytes = 16;
const frameMaxBytes = frameHeaderBytes + catalogLimits.batchBytes + frameChecksumBytes;

/** A frame in a file: its offset and its whole length. */
export interface FramePlace {
  readonly offset: number;
  readonly length: number;
}

/** Wraps a signed batch for a log file. */
export function encodeFrame(signedBytes: Uint8Array): Uint8Array {
  const frame = Buffer.allocUnsafe(frameHeaderBytes + signedBytes.length + frameChecksumBytes);
  frame.set(frameMagic, 0);
  frame.writeUInt32LE(signedBytes.length, 8);
  frame.set(signedBytes, frameHeaderBytes);
  frame.set(checksumOf(frame), frame.length - frameChecksumBytes);
  return frame;
}

/** The signed batch in `frame`, as a view, or undefined when these bytes are no whole, undamaged frame. */
export function decodeFrame(frame: Uint8Array): Uint8Array | undefined {
  if (frame.length < frameHeaderBytes + frameChecksumBytes || !startsWithMagic(frame, 0)) return undefined;
  if (frameLengthAt(frame, 0) !== frame.length) return undefined;
  const checksum = frame.subarray(frame.length - frameChecksumBytes);
  if (Buffer.compare(checksumOf(frame), checksum) !== 0) return undefined;
  return frame.subarray(frameHeaderBytes, frame.length - frameChecksumBytes);
}

/** What a scan found, in the order of the file. */
export interface FoundPart extends FramePlace {
  /** The signed batch of an undamaged frame; undefined for bytes that are none. */
  readonly signedBytes: Uint8Array | undefined;
}

/**
 * Walks a log: every frame that checks, and every stretch of bytes between them that does not. Damage is stepped over to
 * the next magic that starts a frame whose checksum holds. `blocks` are the file's bytes in order, of any size; what is
 * yielded stays valid. Memory stays below two frames and a block.
 */
export async function* scanFrames(blocks: AsyncIterable<Uint8Array>): AsyncGenerator<FoundPart> {
  let held: Uint8Array = new Uint8Array(0);
  let heldFrom = 0;
  let damagedFrom: number | undefined;
  const drop = (count: number) => {
    held = held.subarray(count);
    heldFrom += count;
  };
  const step = function* (atEnd: boolean): Generator<FoundPart> {
    while (held.length > 0 && (atEnd || held.length >= frameMaxBytes)) {
      const length = startsWithMagic(held, 0) ? frameLengthAt(held, 0) : undefined;
      const signedBytes = length === undefined ? undefined : decodeFrame(held.subarray(0, length));
      if (length !== undefined && signedBytes !== undefined) {
        if (damagedFrom !== undefined) {
          yield { offset: damagedFrom, length: heldFrom - damagedFrom, signedBytes: undefined };
          damagedFrom = undefined;
        }
        yield { offset: heldFrom, length, signedBytes };
        drop(length);
      } else {
        damagedFrom ??= heldFrom;
        const next = Buffer.from(held.buffer, held.byteOffset, held.length).indexOf(frameMagic, 1);
        // Seven bytes may be the start of a magic that continues in the next block.
        drop(next > 0 ? next : Math.max(1, held.length - (atEnd ? 0 : frameMagic.length - 1)));
      }
    }
  };
  for await (const block of blocks) {
    held = held.length === 0 ? block : Buffer.concat([held, block]);
    yield* step(false);
  }
  yield* step(true);
  if (damagedFrom !== undefined) {
    yield { offset: damagedFrom, length: heldFrom - damagedFrom, signedBytes: undefined };
  }
}

function startsWithMagic(bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < frameMagic.length; i++) if (bytes[at + i] !== frameMagic[i]) return false;
  return true;
}

/** The whole length that a frame announces, or undefined when it is none that fits the limit. */
function frameLengthAt(bytes: Uint8Array, at: number): number | undefined {
  if (bytes.length < at + frameHeaderBytes) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = frameHeaderBytes + view.getUint32(at + 8, true) + frameChecksumBytes;
  return length > frameMaxBytes ? undefined : length;
}

function checksumOf(frame: Uint8Array): Uint8Array {
  return sha256Of([frame.subarray(0, frame.length - frameChecksumBytes)]).subarray(0, frameChecksumBytes);
}
