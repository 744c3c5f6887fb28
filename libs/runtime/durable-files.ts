import { closeSync, fsyncSync, openSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

/** Makes names created, renamed or removed in `folder` durable (fsync of the folder). */
export function syncFolder(folder: string): void {
  const descriptor = openSync(folder, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Replaces the file at `path` as a whole: after a crash at any instruction there is the old content or the new, never a
 * mix. Durable when it returns. The temporary name is `path` + `.new`; a leftover of a crash is overwritten next time.
 */
export function writeFileDurably(path: string, content: Uint8Array | string, mode = 0o600): void {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  const temporary = `${path}.new`;
  const descriptor = openSync(temporary, 'w', mode);
  try {
    for (let done = 0; done < bytes.length; ) done += writeSync(descriptor, bytes, done);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(temporary, path);
  syncFolder(dirname(path));
}
