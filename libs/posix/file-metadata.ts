import { atSymlinkNofollow } from './file-status.ts';
import { checked, Errno, libc, posixError } from './libc.ts';
import { putName, struct, writeInt64 } from './native-arena.ts';

/** Times to set: seconds since 1970 and 0..999,999,999 ns, both integers. Without atime that one stays as it is. */
export interface FileTimes {
  readonly mtimeS: number;
  readonly mtimeNs: number;
  readonly atimeS?: number;
  readonly atimeNs?: number;
}

const utimeOmit = 0x3ffffffe;
const nsPerSecond = 1_000_000_000;
const idMax = 0xfffffffe; // 2^32-1 would mean "leave as it is"

/** Sets the 12 permission bits of entry `name`, never through a symlink (ENOTSUP: links have none). Throws PosixError. */
export function fchmodAt(dirFd: number, name: Uint8Array, mode: number): void {
  const path = putName(name);
  checked('fchmodat', name, () => libc.fchmodat(dirFd, path, mode, atSymlinkNofollow));
}

/** Sets owner and group of entry `name`, a symlink itself. Clears setuid and setgid: do it before fchmodAt. Throws PosixError. */
export function fchownAt(dirFd: number, name: Uint8Array, uid: number, gid: number): void {
  if (!isId(uid) || !isId(gid)) throw posixError('fchownat', Errno.EINVAL, name);
  const path = putName(name);
  checked('fchownat', name, () => libc.fchownat(dirFd, path, uid, gid, atSymlinkNofollow));
}

/**
 * Sets times of entry `name` to the nanosecond, of a symlink itself unless `follow`. A file system that cannot hold a time
 * takes the nearest it can, silently: ext4 ends in 2446. Throws PosixError; EINVAL for what is no time.
 */
export function utimensAt(
  dirFd: number,
  name: Uint8Array,
  times: FileTimes,
  options?: { readonly follow: boolean },
): void {
  const path = putName(name);
  putTimes(times, 'utimensat', name);
  const flags = options?.follow === true ? 0 : atSymlinkNofollow;
  checked('utimensat', name, () => libc.utimensat(dirFd, path, struct.address, flags));
}

/** The same for an open file. */
export function futimens(fd: number, times: FileTimes): void {
  putTimes(times, 'futimens', undefined);
  checked('futimens', undefined, () => libc.futimens(fd, struct.address));
}

function putTimes(times: FileTimes, syscall: string, name: Uint8Array | undefined): void {
  const { view } = struct;
  const { mtimeS, mtimeNs, atimeS, atimeNs = 0 } = times;
  if (!isTime(mtimeS, mtimeNs) || !isTime(atimeS ?? 0, atimeNs)) throw posixError(syscall, Errno.EINVAL, name);
  writeInt64(view, 0, atimeS ?? 0);
  writeInt64(view, 8, atimeS === undefined ? utimeOmit : atimeNs);
  writeInt64(view, 16, mtimeS);
  writeInt64(view, 24, mtimeNs);
}

function isTime(seconds: number, nanoseconds: number): boolean {
  return (
    Number.isSafeInteger(seconds) && Number.isInteger(nanoseconds) && nanoseconds >= 0 && nanoseconds < nsPerSecond
  );
}

function isId(id: number): boolean {
  return Number.isInteger(id) && id >= 0 && id <= idMax;
}
