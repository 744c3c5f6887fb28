import { constants, type ZstdOptions, zstdCompress, zstdDecompress } from 'node:zlib';
import { concatBytes } from '#runtime';
import { windowLogMax } from './packed-limits.ts';

/**
 * Contents as a dictionary. The zero byte in front keeps zstd from taking a content that begins like a trained dictionary
 * (magic 37 a4 30 ec) for one. Undefined for none.
 */
export function dictionaryOf(contents: readonly Uint8Array[]): Uint8Array | undefined {
  return contents.length === 0 ? undefined : concatBytes([new Uint8Array(1), ...contents]);
}

/** The smallest window that sees all of `bytes`; zstd takes 10 at least. */
function windowLogFor(bytes: number): number {
  return Math.min(windowLogMax, Math.max(10, Math.ceil(Math.log2(bytes + 1))));
}

/** Below that level zstd is not told how large its table is to be; behind 2^22 filling it costs more than it finds. */
const tableLevelMin = 9;
const tableLogMax = 22;

/**
 * One zstd frame, made in the thread pool. With a dictionary the table must have room for all of it, or else its beginning is
 * forgotten: of an image's earlier version 4.7 MB long, level 9 by itself finds three quarters, and so all of it.
 */
export function compressWith(
  raw: Uint8Array,
  { level, dictionary }: { readonly level: number; readonly dictionary: Uint8Array | undefined },
): Promise<Uint8Array> {
  const windowLog = windowLogFor(raw.length + (dictionary?.length ?? 0));
  const params = {
    [constants.ZSTD_c_compressionLevel]: level,
    [constants.ZSTD_c_windowLog]: windowLog,
    ...(dictionary && level >= tableLevelMin && { [constants.ZSTD_c_hashLog]: Math.min(windowLog, tableLogMax) }),
  };
  const options = { params, pledgedSrcSize: raw.length, ...(dictionary && { dictionary }) };
  return new Promise((resolve, reject) => {
    zstdCompress(raw, options as ZstdOptions, (error, content) => (error ? reject(error) : resolve(content)));
  });
}

const [magicBytes, descriptorBytes, blockHeadBytes, checksumBytes] = [4, 1, 3, 4];
const runBlock = 1;

/** Where the frame ends that begins here, by its blocks' headers (RFC 8878 section 3.1.1); beyond the bytes when it is cut off. */
function frameEnd(bytes: Uint8Array): number {
  const descriptor = bytes[magicBytes] ?? 0;
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const windowBytes = isSingleSegment ? 0 : 1;
  const dictionaryIdBytes = [0, 1, 2, 4][descriptor & 3] ?? 0;
  const sizeBytes = [isSingleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0;
  let at = magicBytes + descriptorBytes + windowBytes + dictionaryIdBytes + sizeBytes;
  for (let isLast = false; !isLast; ) {
    if (at + blockHeadBytes > bytes.length) return Number.POSITIVE_INFINITY;
    const head = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16);
    isLast = (head & 1) !== 0;
    at += blockHeadBytes + (((head >> 1) & 3) === runBlock ? 1 : head >> 3);
  }
  return at + ((descriptor & 4) !== 0 ? checksumBytes : 0);
}

/**
 * The raw bytes, made in the thread pool. Rejects with zlib's error when they are more than `rawLength`, before more memory
 * is taken, and when the frame wants a larger window than any sender may use. What is not exactly one frame is refused, too:
 * zlib goes on with a second frame, passes over frames to be skipped, and lets be what comes behind.
 */
export async function decompressWith(
  content: Uint8Array,
  rawLength: number,
  dictionary?: Uint8Array,
): Promise<Uint8Array> {
  if (frameEnd(content) !== content.length) throw new RangeError('more or less than one zstd frame');
  const options = {
    params: { [constants.ZSTD_d_windowLogMax]: windowLogMax },
    maxOutputLength: rawLength,
    // In one piece, with room left over so that zlib asks for no second one.
    chunkSize: rawLength + 64,
    ...(dictionary && { dictionary }),
  };
  return new Promise((resolve, reject) => {
    zstdDecompress(content, options as ZstdOptions, (error, raw) => (error ? reject(error) : resolve(raw)));
  });
}
