// Stands in for node:zlib where code of a site compresses in the thread pool, whose order nobody could repeat.
import * as real from 'node:zlib';

export { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';

export function zstdCompress(
  raw: Uint8Array,
  options: real.ZstdOptions,
  done: (error: Error | null, body: Buffer) => void,
): void {
  const body = real.zstdCompressSync(raw, options);
  queueMicrotask(() => done(null, body));
}

export function zstdDecompress(
  content: Uint8Array,
  options: real.ZstdOptions,
  done: (error: Error | null, raw: Buffer) => void,
): void {
  let raw: Buffer;
  try {
    raw = real.zstdDecompressSync(content, options);
  } catch (error) {
    queueMicrotask(() => done(error as Error, Buffer.alloc(0)));
    return;
  }
  queueMicrotask(() => done(null, raw));
}
