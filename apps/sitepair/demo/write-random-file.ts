import { closeSync, openSync, writeSync } from 'node:fs';
import { systemRandom } from '#runtime';

const blockBytes = 1_000_000;

/** Makes a new file of random bytes: nothing deduplicates or compresses them. */
export function writeRandomFile(path: string, bytes: number): void {
  const fd = openSync(path, 'wx');
  try {
    for (let at = 0; at < bytes; at += blockBytes) writeSync(fd, systemRandom.bytes(Math.min(blockBytes, bytes - at)));
  } finally {
    closeSync(fd);
  }
}
