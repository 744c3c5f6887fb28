import { constants } from 'node:fs';
import { attempt, attemptOnce, checked, Errno, libc, posixError } from './libc.ts';
import { putName, struct, writeInt64 } from './native-arena.ts';
import { PosixError } from './posix-error.ts';

/** Flags for openAt and openBeneath, to be or-ed. Some differ between architectures: never write the numbers down. */
export const openFlag = {
  read: constants.O_RDONLY,
  write: constants.O_WRONLY,
  readWrite: constants.O_RDWR,
  create: constants.O_CREAT,
  exclusive: constants.O_EXCL,
  truncate: constants.O_TRUNC,
  append: constants.O_APPEND,
  directory: constants.O_DIRECTORY,
  /** For what may be a fifo or a device: the open itself must not wait for a writer or a tape. */
  nonBlock: constants.O_NONBLOCK,
  /** Reading leaves no trace; EPERM unless the caller owns the file or is privileged. */
  noAtime: constants.O_NOATIME,
  /** A handle for statAt, openAt and xattrs only: needs no right to read, and never blocks. */
  path: 0o10000000,
} as const;

const closeOnExec = 0o2000000;
const openat2Number = 437; // asm-generic/unistd.h: the same on all architectures
const openHowBytes = 24;
const resolveNoMagiclinks = 0x02;
const resolveNoSymlinks = 0x04;
const resolveBeneath = 0x08;

/**
 * Opens `name` of an open folder (or `currentFolder`) and returns the descriptor, which Node's fs takes too, except for
 * closing (see closeFd). Always close-on-exec, never a controlling terminal. A symlink as the last part is refused (ELOOP)
 * unless `follow`; a path of several parts follows those before. Throws PosixError.
 */
export function openAt(
  dirFd: number,
  name: Uint8Array,
  flags: number,
  mode = 0,
  options?: { readonly follow: boolean },
): number {
  const path = putName(name);
  const allFlags = completeFlags(flags, options?.follow === true);
  return checked('openat', name, () => libc.openat(dirFd, path, allFlags, mode));
}

// A rename somewhere on the machine while the kernel resolved '..' makes it say EAGAIN; a quiet moment comes soon.
const triesMax = 100;

/**
 * Opens `relativePath` so that nothing outside `rootFd` can be reached: no symlink anywhere in it (ELOOP), no way out by
 * '..' or a leading '/' (EXDEV), whoever changes the tree meanwhile. Throws PosixError; ENOSYS before Linux 5.6.
 */
export function openBeneath(rootFd: number, relativePath: Uint8Array, flags: number, mode = 0): number {
  const path = putName(relativePath);
  const { view, address } = struct;
  writeInt64(view, 0, completeFlags(flags, false));
  writeInt64(view, 8, (flags & openFlag.create) === 0 ? 0 : mode); // openat2 refuses a mode that means nothing
  writeInt64(view, 16, resolveBeneath | resolveNoSymlinks | resolveNoMagiclinks);
  let result = -Errno.EAGAIN;
  for (let tries = 0; result === -Errno.EAGAIN && tries < triesMax; tries++) {
    result = attempt(() => libc.syscall4(openat2Number, rootFd, path, address, openHowBytes));
  }
  if (result === -Errno.ENOSYS) throw lacksOpenat2(relativePath);
  if (result < 0) throw posixError('openat2', -result, relativePath);
  return result;
}

function lacksOpenat2(path: Uint8Array): PosixError {
  const text = 'this kernel has no openat2 (or a sandbox hides it): Linux 5.6 or newer is needed';
  return new PosixError({ code: 'ENOSYS', errno: -Errno.ENOSYS, text, syscall: 'openat2', path });
}

/**
 * Closes a descriptor that came from this library. In worker threads Node keeps its own list of descriptors and warns when
 * fs.closeSync gets one that is not in it; those opened here are also not closed when the worker ends. Throws PosixError.
 */
export function closeFd(fd: number): void {
  const result = attemptOnce(() => libc.close(fd));
  // Linux has closed it even when a signal came: closing again could hit a descriptor of another thread.
  if (result < 0 && result !== -Errno.EINTR) throw posixError('close', -result);
}

function completeFlags(flags: number, follow: boolean): number {
  const link = follow ? 0 : constants.O_NOFOLLOW;
  const terminal = (flags & openFlag.path) === 0 ? constants.O_NOCTTY : 0; // openat2 refuses it beside O_PATH
  return flags | closeOnExec | link | terminal;
}
