import { attempt, checked, Errno, libc, posixError } from './libc.ts';

const seekDataWhence = 3;
const seekHoleWhence = 4;
const punchHoleKeepSize = 0x03;
const advice = { sequential: 2, dontneed: 4 } as const;

/** Start of the first data at or after `offset`; undefined when only a hole follows. Moves the descriptor's position. */
export function seekData(fd: number, offset: number): number | undefined {
  const found = attempt(() => libc.lseek(fd, offset, seekDataWhence));
  if (found === -Errno.ENXIO) return undefined;
  if (found < 0) throw posixError('lseek', -found);
  return found;
}

/** Start of the first hole at or after `offset`, at most the file's size; undefined when `offset` is past that. */
export function seekHole(fd: number, offset: number): number | undefined {
  const found = attempt(() => libc.lseek(fd, offset, seekHoleWhence));
  if (found === -Errno.ENXIO) return undefined;
  if (found < 0) throw posixError('lseek', -found);
  return found;
}

/**
 * The parts of an open file that are not holes, in order, as byte ranges up to `end` (exclusive): one whole range where the
 * file system knows no holes. Read with positions: the calls move the descriptor's own. Throws PosixError.
 */
export function* dataRanges(fd: number, end: number): Generator<{ start: number; end: number }, void, undefined> {
  for (let offset = 0; offset < end; ) {
    const start = seekData(fd, offset);
    if (start === undefined || start >= end) return;
    // A file cut short since has no hole left to find.
    offset = Math.min(seekHole(fd, start) ?? start, end);
    if (offset === start) return;
    yield { start, end: offset };
  }
}

/** Turns a range into a hole, the size stays; false where the file system cannot. Throws PosixError. */
export function punchHole(fd: number, offset: number, length: number): boolean {
  const result = attempt(() => libc.fallocate(fd, punchHoleKeepSize, offset, length));
  if (result === -Errno.ENOTSUP) return false;
  if (result < 0) throw posixError('fallocate', -result);
  return true;
}

/** Sets the size of an open file; growth is a hole. Throws PosixError. */
export function ftruncate(fd: number, length: number): void {
  checked('ftruncate', undefined, () => libc.ftruncate(fd, length));
}

/**
 * Tells the page cache what comes: 'sequential' reads further ahead, 'dontneed' drops what is clean, so that a backup does
 * not push the machine's own files out of memory. Length 0 means to the end. Throws PosixError (ESPIPE on a pipe).
 */
export function posixFadvise(fd: number, offset: number, length: number, kind: keyof typeof advice): void {
  const errno = libc.posixFadvise(fd, offset, length, advice[kind]); // returns the errno itself
  if (errno !== 0) throw posixError('posix_fadvise', errno);
}

/** Brings everything written to the file system that holds `fd` to stable storage. Throws PosixError. */
export function syncFileSystem(fd: number): void {
  checked('syncfs', undefined, () => libc.syncfs(fd));
}
