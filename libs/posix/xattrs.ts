import { attempt, Errno, libc, posixError } from './libc.ts';
import { data, putData, putName, putOtherName, takeData } from './native-arena.ts';
import type { PosixError } from './posix-error.ts';

/** A file whose attributes are meant: an open one (O_PATH too), or entry `name` of an open folder, a symlink itself. */
export type XattrPlace = number | { readonly dirFd: number; readonly name: Uint8Array };

/** One attribute. ACLs are `system.posix_acl_access` and `_default`, capabilities `security.capability`. */
export interface Xattr {
  readonly name: Uint8Array;
  readonly value: Uint8Array;
}

/** The three forms of one call: for a readable descriptor, for what a path leads to, for a symlink itself. */
interface XattrCall {
  readonly name: string;
  readonly open: (fd: number, ...rest: number[]) => number;
  readonly path: (path: number, ...rest: number[]) => number;
  readonly entry: (path: number, ...rest: number[]) => number;
}

const list: XattrCall = { name: 'listxattr', open: libc.flistxattr, path: libc.listxattr, entry: libc.llistxattr };
const get: XattrCall = { name: 'getxattr', open: libc.fgetxattr, path: libc.getxattr, entry: libc.lgetxattr };
const set: XattrCall = { name: 'setxattr', open: libc.fsetxattr, path: libc.setxattr, entry: libc.lsetxattr };
const remove: XattrCall = {
  name: 'removexattr',
  open: libc.fremovexattr,
  path: libc.removexattr,
  entry: libc.lremovexattr,
};

/** Makes the call's form for `place`: its result, or minus the errno. */
function callAt(call: XattrCall, place: XattrPlace, ...rest: number[]): number {
  if (typeof place !== 'number') {
    // No form takes a folder's descriptor, but /proc has a path for one at any depth, so that no path is ever too long.
    const path = putName(Buffer.concat([Buffer.from(`/proc/self/fd/${place.dirFd}/`), place.name]));
    return attempt(() => call.entry(path, ...rest));
  }
  const result = attempt(() => call.open(place, ...rest));
  if (result !== -Errno.EBADF) return result;
  // Either an O_PATH descriptor, which only the path leads past, or none at all, which has no path.
  const path = putName(Buffer.from(`/proc/self/fd/${place}`));
  const viaPath = attempt(() => call.path(path, ...rest));
  return viaPath === -Errno.ENOENT ? -Errno.EBADF : viaPath;
}

function failure(call: XattrCall, place: XattrPlace, errno: number): PosixError {
  return posixError(call.name, errno, typeof place === 'number' ? undefined : place.name);
}

/** Names of all attributes that the caller may see; none where the file system has no attributes. Throws PosixError. */
export function listXattrs(place: XattrPlace): Uint8Array[] {
  const result = callAt(list, place, data.address, data.length);
  if (result === -Errno.ENOTSUP) return [];
  if (result < 0) throw failure(list, place, -result);
  return splitAtZeros(takeData(result));
}

function splitAtZeros(names: Uint8Array): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (let start = 0; start < names.length; ) {
    const end = names.indexOf(0, start);
    parts.push(names.slice(start, end));
    start = end + 1;
  }
  return parts;
}

/** The value of one attribute; undefined when there is none of that name. Throws PosixError. */
export function getXattr(place: XattrPlace, attribute: Uint8Array): Uint8Array | undefined {
  const result = callAt(get, place, putOtherName(attribute), data.address, data.length);
  if (result === -Errno.ENODATA || result === -Errno.ENOTSUP) return undefined;
  if (result < 0) throw failure(get, place, -result);
  return takeData(result);
}

/** All attributes with their values. One that goes away meanwhile is not in it. Throws PosixError. */
export function readXattrs(place: XattrPlace): Xattr[] {
  const found: Xattr[] = [];
  for (const name of listXattrs(place)) {
    const value = getXattr(place, name);
    if (value !== undefined) found.push({ name, value });
  }
  return found;
}

/** Sets one attribute, replacing a former value. Throws PosixError: ENOTSUP, EPERM, E2BIG over 64 KiB. */
export function setXattr(place: XattrPlace, attribute: Uint8Array, value: Uint8Array): void {
  if (!putData(value)) throw failure(set, place, Errno.E2BIG);
  const result = callAt(set, place, putOtherName(attribute), data.address, value.length, 0);
  if (result < 0) throw failure(set, place, -result);
}

/** Removes one attribute; false when there was none of that name. Throws PosixError. */
export function removeXattr(place: XattrPlace, attribute: Uint8Array): boolean {
  const result = callAt(remove, place, putOtherName(attribute));
  if (result === -Errno.ENODATA) return false;
  if (result < 0) throw failure(remove, place, -result);
  return true;
}
