import { attempt, checked, Errno, libc, posixError } from './libc.ts';
import { data, putData, putName, putOtherName, takeData } from './native-arena.ts';

/** A file whose attributes are meant: an open one (O_PATH too), or entry `name` of an open folder, a symlink itself. */
export type XattrPlace = number | { readonly dirFd: number; readonly name: Uint8Array };

/** One attribute. ACLs are `system.posix_acl_access` and `_default`, capabilities `security.capability`. */
export interface Xattr {
  readonly name: Uint8Array;
  readonly value: Uint8Array;
}

// The calls take no folder descriptor, but /proc/self/fd/N stands for one at any depth, so no path is ever too long.
function putPlace(place: XattrPlace): { path: number; follow: boolean; name: Uint8Array | undefined } {
  if (typeof place === 'number')
    return { path: putName(Buffer.from(`/proc/self/fd/${place}`)), follow: true, name: undefined };
  const path = putName(Buffer.concat([Buffer.from(`/proc/self/fd/${place.dirFd}/`), place.name]));
  return { path, follow: false, name: place.name };
}

/** Names of all attributes that the caller may see; none where the file system has no attributes. Throws PosixError. */
export function listXattrs(place: XattrPlace): Uint8Array[] {
  const { path, follow, name } = putPlace(place);
  const call = follow ? libc.listxattr : libc.llistxattr;
  const length = attempt(() => call(path, data.address, data.length));
  if (length === -Errno.ENOTSUP) return [];
  if (length < 0) throw posixError('llistxattr', -length, name);
  return splitAtZeros(takeData(length));
}

function splitAtZeros(list: Uint8Array): Uint8Array[] {
  const names: Uint8Array[] = [];
  for (let start = 0; start < list.length; ) {
    const end = list.indexOf(0, start);
    names.push(list.slice(start, end));
    start = end + 1;
  }
  return names;
}

/** The value of one attribute; undefined when there is none of that name. Throws PosixError. */
export function getXattr(place: XattrPlace, attribute: Uint8Array): Uint8Array | undefined {
  const { path, follow, name } = putPlace(place);
  const key = putOtherName(attribute);
  const call = follow ? libc.getxattr : libc.lgetxattr;
  const length = attempt(() => call(path, key, data.address, data.length));
  if (length === -Errno.ENODATA || length === -Errno.ENOTSUP) return undefined;
  if (length < 0) throw posixError('lgetxattr', -length, name);
  return takeData(length);
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
  const { path, follow, name } = putPlace(place);
  const key = putOtherName(attribute);
  if (!putData(value)) throw posixError('lsetxattr', Errno.E2BIG, name);
  const call = follow ? libc.setxattr : libc.lsetxattr;
  checked('lsetxattr', name, () => call(path, key, data.address, value.length, 0));
}

/** Removes one attribute; false when there was none of that name. Throws PosixError. */
export function removeXattr(place: XattrPlace, attribute: Uint8Array): boolean {
  const { path, follow, name } = putPlace(place);
  const key = putOtherName(attribute);
  const call = follow ? libc.removexattr : libc.lremovexattr;
  const result = attempt(() => call(path, key));
  if (result === -Errno.ENODATA) return false;
  if (result < 0) throw posixError('lremovexattr', -result, name);
  return true;
}
