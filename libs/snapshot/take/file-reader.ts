import { closeFd, type FileStatus, fstatFd, isPosixError, openAt, openFlag } from '#posix';
import { systemCode } from '#runtime';
import type { ContentCutter, CutContent } from './content-cutter.ts';

const triesMax = 3;
const blockBytes = 512;

/** How reading a file ended. */
export type FileReading =
  | { readonly outcome: 'good' | 'changedWhileRead'; readonly status: FileStatus; readonly content: CutContent }
  | { readonly outcome: 'unreadable'; readonly code: string; readonly what: string }
  | { readonly outcome: 'vanished' };

/**
 * Reads the regular file `name` of an open folder. A file that changes while it is read is read again, three times in all,
 * and then marked; one that was replaced by something else than a file has vanished.
 */
export async function readFile(dirFd: number, name: Uint8Array, cutter: ContentCutter): Promise<FileReading> {
  let fd: number;
  try {
    fd = openForReading(dirFd, name);
  } catch (error) {
    if (isPosixError(error, 'ENOENT', 'ELOOP')) return { outcome: 'vanished' };
    return unreadable(error);
  }
  try {
    return await readUnchanged(fd, cutter);
  } catch (error) {
    cutter.throwIfEnded();
    return unreadable(error);
  } finally {
    closeFd(fd);
  }
}

async function readUnchanged(fd: number, cutter: ContentCutter): Promise<FileReading> {
  let before = fstatFd(fd);
  if (before.kind !== 'file') return { outcome: 'vanished' };
  for (let tries = 1; ; tries++) {
    const content = await cutter.cutFile(fd, before.size, before.blocks * blockBytes < before.size);
    const after = fstatFd(fd);
    if (content.length === before.size && isSameContent(before, after)) {
      return { outcome: 'good', status: after, content };
    }
    if (tries === triesMax) return { outcome: 'changedWhileRead', status: after, content };
    before = after;
  }
}

/** Reading leaves no trace in the access time where that is allowed. */
function openForReading(dirFd: number, name: Uint8Array): number {
  const flags = openFlag.read | openFlag.nonBlock;
  try {
    return openAt(dirFd, name, flags | openFlag.noAtime);
  } catch (error) {
    if (isPosixError(error, 'EPERM')) return openAt(dirFd, name, flags);
    throw error;
  }
}

function isSameContent(a: FileStatus, b: FileStatus): boolean {
  const sameModified = a.mtimeS === b.mtimeS && a.mtimeNs === b.mtimeNs;
  return a.size === b.size && sameModified && a.ctimeS === b.ctimeS && a.ctimeNs === b.ctimeNs;
}

/** A system call that failed is the file's trouble; an abort or a broken upload ends the whole snapshot. */
function unreadable(error: unknown): FileReading {
  const code = systemCode(error);
  if (code === undefined || !(error instanceof Error) || !('syscall' in error)) throw error;
  return { outcome: 'unreadable', code, what: error.message };
}
