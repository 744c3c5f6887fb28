import { deviceNumber, type FileKind } from './file-status.ts';
import { checked, libc } from './libc.ts';
import { data, putName, putOtherName, takeData } from './native-arena.ts';

// All functions here act on entry `name` of an open folder `dirFd` (O_PATH suffices), or on a path with `currentFolder`.
// None follows a symlink in the last part, all throw PosixError, and modes are subject to the process's umask.

const atRemoveDir = 0x200;
const renameNoReplace = 1;

export function mkdirAt(dirFd: number, name: Uint8Array, mode: number): void {
  const path = putName(name);
  checked('mkdirat', name, () => libc.mkdirat(dirFd, path, mode));
}

/** Removes a name that is not a folder's. */
export function unlinkAt(dirFd: number, name: Uint8Array): void {
  const path = putName(name);
  checked('unlinkat', name, () => libc.unlinkat(dirFd, path, 0));
}

/** Removes an empty folder. */
export function rmdirAt(dirFd: number, name: Uint8Array): void {
  const path = putName(name);
  checked('rmdir', name, () => libc.unlinkat(dirFd, path, atRemoveDir));
}

/** Renames within one file system, over what is there unless `replace` is false (then EEXIST, without a race). */
export function renameAt(
  fromDirFd: number,
  from: Uint8Array,
  toDirFd: number,
  to: Uint8Array,
  options?: { readonly replace: boolean },
): void {
  const fromPath = putName(from);
  const toPath = putOtherName(to);
  const flags = options?.replace === false ? renameNoReplace : 0;
  checked('renameat2', from, () => libc.renameat2(fromDirFd, fromPath, toDirFd, toPath, flags));
}

/** Gives the file `from` (a symlink itself, where it is one) a second name. */
export function linkAt(fromDirFd: number, from: Uint8Array, toDirFd: number, to: Uint8Array): void {
  const fromPath = putName(from);
  const toPath = putOtherName(to);
  checked('linkat', from, () => libc.linkat(fromDirFd, fromPath, toDirFd, toPath, 0));
}

export function symlinkAt(target: Uint8Array, dirFd: number, name: Uint8Array): void {
  const path = putName(name);
  const targetPath = putOtherName(target);
  checked('symlinkat', name, () => libc.symlinkat(targetPath, dirFd, path));
}

/** The target bytes of a symlink; EINVAL when `name` is something else. */
export function readlinkAt(dirFd: number, name: Uint8Array): Uint8Array {
  const path = putName(name);
  return takeData(checked('readlinkat', name, () => libc.readlinkat(dirFd, path, data.address, data.length)));
}

export type NodeKind = Extract<FileKind, 'fifo' | 'socket' | 'char' | 'block'>;

const typeBits = { fifo: 0o010000, char: 0o020000, block: 0o060000, socket: 0o140000 } as const;

/** Makes a fifo, a socket's name or (for root) a device node, which alone has a major and a minor number. */
export function mknodAt(dirFd: number, name: Uint8Array, kind: NodeKind, mode: number, major = 0, minor = 0): void {
  const path = putName(name);
  const device = deviceNumber(major, minor);
  checked('mknodat', name, () => libc.mknodat(dirFd, path, typeBits[kind] | mode, device));
}
