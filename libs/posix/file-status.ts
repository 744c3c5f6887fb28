import { checked, Errno, libc, posixError } from './libc.ts';
import { putName, readInt64, struct } from './native-arena.ts';

export type FileKind = 'file' | 'directory' | 'symlink' | 'fifo' | 'socket' | 'char' | 'block';

/** What the file system says of one file. Times are seconds since 1970 (negative before) and 0..999,999,999 ns. */
export interface FileStatus {
  readonly kind: FileKind;
  /** Permission, setuid, setgid and sticky bits: the lower 12. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  /** Allocated, in 512-byte units: fewer than `size` needs means holes. */
  readonly blocks: number;
  readonly links: number;
  /** The same number as Node's Stats.dev. */
  readonly device: number;
  readonly inode: bigint;
  readonly atimeS: number;
  readonly atimeNs: number;
  readonly mtimeS: number;
  readonly mtimeNs: number;
  readonly ctimeS: number;
  readonly ctimeNs: number;
  /** What a device node stands for; 0 for other kinds. */
  readonly rdevMajor: number;
  readonly rdevMinor: number;
}

/** `dirFd` of a path that is absolute or starts at the process's working folder. */
export const currentFolder = -100; // AT_FDCWD

/** S_IFMT >> 12, and the d_type of directory entries. */
export const kindByTypeBits: readonly (FileKind | undefined)[] = [
  undefined,
  'fifo',
  'char',
  undefined,
  'directory',
  undefined,
  'block',
  undefined,
  'file',
  undefined,
  'symlink',
  undefined,
  'socket',
  undefined,
  undefined,
  undefined,
];

export const atSymlinkNofollow = 0x100;
const atNoAutomount = 0x800;
const atEmptyPath = 0x1000;
const statxBasicStats = 0x7ff;
const noName = new Uint8Array(0);

/** Status of the file at a path; of the symlink itself where it is one. Throws PosixError. */
export function lstatBytes(path: Uint8Array): FileStatus {
  return status(currentFolder, path, atSymlinkNofollow | atNoAutomount);
}

/** Status of entry `name` of an open folder (O_PATH suffices), of a symlink itself unless `follow`. Throws PosixError. */
export function statAt(dirFd: number, name: Uint8Array, options?: { readonly follow: boolean }): FileStatus {
  return status(dirFd, name, options?.follow === true ? 0 : atSymlinkNofollow | atNoAutomount);
}

/** Status of an open file of any kind, O_PATH ones too. Throws PosixError. */
export function fstatFd(fd: number): FileStatus {
  return status(fd, noName, atEmptyPath);
}

function status(dirFd: number, name: Uint8Array, flags: number): FileStatus {
  const path = putName(name);
  checked('statx', name, () => libc.statx(dirFd, path, flags, statxBasicStats, struct.address));
  return decodeStatx(name);
}

/** struct statx of linux/stat.h, the same on all architectures. */
function decodeStatx(name: Uint8Array): FileStatus {
  const { view } = struct;
  const typeAndMode = view.getUint16(28, true);
  const kind = kindByTypeBits[typeAndMode >> 12];
  const size = readInt64(view, 40);
  // Some file systems allow sizes up to 2^63: a rounded one would be a wrong one.
  if (kind === undefined || !Number.isSafeInteger(size)) throw posixError('statx', Errno.EOVERFLOW, name);
  return {
    kind,
    mode: typeAndMode & 0o7777,
    uid: view.getUint32(20, true),
    gid: view.getUint32(24, true),
    size,
    blocks: readInt64(view, 48),
    links: view.getUint32(16, true),
    device: deviceNumber(view.getUint32(136, true), view.getUint32(140, true)),
    inode: view.getBigUint64(32, true),
    atimeS: readSeconds(view, 64),
    atimeNs: view.getUint32(72, true),
    mtimeS: readSeconds(view, 112),
    mtimeNs: view.getUint32(120, true),
    ctimeS: readSeconds(view, 96),
    ctimeNs: view.getUint32(104, true),
    rdevMajor: view.getUint32(128, true),
    rdevMinor: view.getUint32(132, true),
  };
}

/** A time of more than 285 million years is held to that: it must not make a file unreadable. */
function readSeconds(view: DataView, offset: number): number {
  const seconds = readInt64(view, offset);
  if (Number.isSafeInteger(seconds)) return seconds;
  return seconds < 0 ? Number.MIN_SAFE_INTEGER : Number.MAX_SAFE_INTEGER;
}

/** The dev_t that the kernel takes and gives: 12 bits of major, 20 bits of minor, interleaved for history's sake. */
export function deviceNumber(major: number, minor: number): number {
  const low = (minor & 0xff) + (major & 0xfff) * 0x100;
  return low + Math.floor(minor / 0x100) * 0x100000;
}
