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

/**
 * The raw bytes, made in the thread pool. Rejects with zlib's error when they are more than `rawLength`, before more memory
 * is taken, and when the frame wants a larger window than any sender may use.
 */
export function decompressWith(content: Uint8Array, rawLength: number, dictionary?: Uint8Array): Promise<Uint8Array> {
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
