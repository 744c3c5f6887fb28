import { attempt, Errno, libc, posixError } from './libc.ts';
import { struct } from './native-arena.ts';

const setOpenFileLock = 37; // F_OFD_SETLK
const writeLock = 1;
const unlock = 2;

/**
 * Takes the exclusive lock on an open, writable file without waiting: false when someone else has it, in any process or
 * through another open of this one. It goes with the last copy of the descriptor, so a killed holder leaves nothing behind.
 * Advisory, and not for network file systems. Throws PosixError.
 */
export function lockFile(fd: number): boolean {
  const result = setLock(fd, writeLock);
  if (result === -Errno.EAGAIN || result === -Errno.EACCES) return false;
  if (result < 0) throw posixError('fcntl', -result);
  return true;
}

/** Gives the lock back. Throws PosixError. */
export function unlockFile(fd: number): void {
  const result = setLock(fd, unlock);
  if (result < 0) throw posixError('fcntl', -result);
}

function setLock(fd: number, type: number): number {
  const { view, address } = struct;
  // struct flock: type 2, whence 2, gap 4, start 8, length 8 (0: all there will ever be), pid 4 (must be 0), gap 4.
  for (let offset = 0; offset < 32; offset += 8) view.setBigUint64(offset, 0n, true);
  view.setInt16(0, type, true);
  return attempt(() => libc.fcntl(fd, setOpenFileLock, address));
}
