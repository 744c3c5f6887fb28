import { createCipheriv } from 'node:crypto';
import { closeSync, openSync, writeSync } from 'node:fs';

const blockBytes = 8 * 1024 * 1024;

/** Writes a file of bytes that nothing compresses or deduplicates, the same for the same seed: AES-CTR over zeros, 1 GB/s and more. */
export function writeSeededFile(path: string, bytes: number, seed: number): void {
  const key = Buffer.alloc(32);
  key.writeUInt32LE(seed >>> 0);
  const stream = createCipheriv('aes-256-ctr', key, Buffer.alloc(16));
  const zeros = Buffer.alloc(blockBytes);
  const fd = openSync(path, 'wx');
  try {
    for (let at = 0; at < bytes; at += blockBytes)
      writeSync(fd, stream.update(zeros.subarray(0, Math.min(blockBytes, bytes - at))));
  } finally {
    closeSync(fd);
  }
}
