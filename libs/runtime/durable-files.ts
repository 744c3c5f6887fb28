import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { AppError, systemCode } from './app-error.ts';

/** Makes names created, renamed or removed in `folder` durable (fsync of the folder). Throws `state_write_failed`. */
export function syncFolder(folder: string): void {
  writing(folder, () => {
    const descriptor = openSync(folder, 'r');
    try {
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  });
}

/**
 * Makes a folder with all that is missing above it, for its owner only. Its name is durable when this returns, also where
 * a process made it that was killed before it could sync; so are the names above it that this call made.
 * Throws `state_write_failed`.
 */
export function makeFolderDurably(folder: string): void {
  const path = resolve(folder);
  const highest = writing(path, () => mkdirSync(path, { recursive: true, mode: 0o700 })) ?? path;
  // From the top down: what a crash leaves can be reached.
  const made: string[] = [];
  for (let at = path; at.length >= highest.length; at = dirname(at)) made.unshift(at);
  for (const one of made) syncFolder(dirname(one));
}

/**
 * Replaces the file at `path` as a whole: after a crash at any instruction there is the old content or the new, never a
 * mix. Durable when it returns. The temporary name is `path` + `.new`; a leftover of a crash is overwritten next time.
 * Throws `state_write_failed`: then there is the old content, or the new.
 */
export function writeFileDurably(path: string, content: Uint8Array | string, mode = 0o600): void {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  const temporary = `${path}.new`;
  writing(path, () => {
    const descriptor = openSync(temporary, 'w', mode);
    try {
      for (let done = 0; done < bytes.length; ) done += writeSync(descriptor, bytes, done);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(temporary, path);
  });
  syncFolder(dirname(path));
}

/** Removes a file, durably; one that is not there is removed already. Throws `state_write_failed`. */
export function removeFileDurably(path: string): void {
  writing(path, () => rmSync(path, { force: true }));
  syncFolder(dirname(path));
}

function writing<T>(path: string, write: () => T): T {
  try {
    return write();
  } catch (cause) {
    const isFull = systemCode(cause) === 'ENOSPC' || systemCode(cause) === 'EDQUOT';
    throw new AppError(`${path} could not be written`, {
      code: 'state_write_failed',
      retryable: true,
      advice: isFull
        ? 'Free space on its disk, then do the same again.'
        : 'Check its disk (dmesg, smartctl), and that this user may write there; then do the same again.',
      details: { path, system: systemCode(cause) },
      cause,
    });
  }
}
