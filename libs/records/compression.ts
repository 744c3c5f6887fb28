import { constants, zstdCompress, zstdDecompressSync } from 'node:zlib';
import { recordDamaged } from '#wire';
import { zstdContentBytes } from './zstd-content-bytes.ts';

/** FORMAT.md section 2: how a body is stored inside the seal. */
export const Compression = { stored: 0, zstd: 1 } as const;
export type Compression = (typeof Compression)[keyof typeof Compression];

/** Level 3: level 1 misses the size, level 5 the time (measured on 60,000 files of /usr/lib). */
const level = 3;

// What zlib takes for a piece when nobody tells the length; and room that is left over, so that it asks for no second one.
const pieceBytes = 16_384;
const slackBytes = 64;

export interface CompressedBody {
  readonly compression: Compression;
  readonly body: Uint8Array;
}

/** Compresses in the thread pool; what does not shrink is stored as it is. */
export function compressBody(raw: Uint8Array): Promise<CompressedBody> {
  return new Promise((resolve, reject) => {
    zstdCompress(raw, { params: { [constants.ZSTD_c_compressionLevel]: level } }, (error, body) => {
      if (error) reject(error);
      else if (body.length < raw.length) resolve({ compression: Compression.zstd, body });
      else resolve({ compression: Compression.stored, body: raw });
    });
  });
}

/** The raw body; refuses more than `rawMaxBytes` before that much memory is taken (`record_damaged`). */
export function decompressBody(compressed: CompressedBody, rawMaxBytes: number): Uint8Array {
  const { compression, body } = compressed;
  if (compression === Compression.stored) {
    if (body.length > rawMaxBytes) throw recordDamaged('its body is too large');
    return body;
  }
  if (compression !== Compression.zstd) throw recordDamaged(`it is compressed by an unknown method ${compression}`);
  try {
    // All of it in one buffer is a third faster than piece by piece.
    const told = Math.min(zstdContentBytes(body) ?? pieceBytes, rawMaxBytes);
    return zstdDecompressSync(body, { maxOutputLength: rawMaxBytes, chunkSize: told + slackBytes });
  } catch (cause) {
    throw recordDamaged('its body does not decompress', cause);
  }
}
