import { addressOf, Errno, posixError } from './libc.ts';

// One block of native memory a thread: calls are synchronous, so its parts are free again when a call has returned and
// its result is copied out. Numbers as addresses make a call a third cheaper than typed arrays or BigInts.
const pathBytesMax = 4096; // PATH_MAX, with the closing zero
const nameAt = 0;
const otherNameAt = nameAt + pathBytesMax;
const structAt = otherNameAt + pathBytesMax;
const dataAt = structAt + 1024;
// XATTR_SIZE_MAX and XATTR_LIST_MAX of the kernel; also a good size for getdents64.
const dataBytes = 65_536;

const arena = new Uint8Array(dataAt + dataBytes);
const arenaAddress = addressOf(arena);

/** The part of the arena for one struct. */
export const struct = { view: new DataView(arena.buffer, structAt, 1024), address: arenaAddress + structAt };

/** The part of the arena for content: values, lists, directory entries. */
export const data = {
  bytes: arena.subarray(dataAt),
  view: new DataView(arena.buffer, dataAt),
  address: arenaAddress + dataAt,
  length: dataBytes,
};

/** Puts a path or name, closed by a zero, into the arena and returns its address. Throws EINVAL, ENAMETOOLONG. */
export function putName(name: Uint8Array): number {
  return put(name, nameAt);
}

/** The same for the second name of a call. */
export function putOtherName(name: Uint8Array): number {
  return put(name, otherNameAt);
}

function put(name: Uint8Array, at: number): number {
  const length = name.length;
  if (length >= pathBytesMax) throw posixError('path', Errno.ENAMETOOLONG, name);
  for (let i = 0; i < length; i++) {
    const byte = name[i] as number;
    // The kernel would stop at the zero and act on another file than the one named.
    if (byte === 0) throw posixError('path', Errno.EINVAL, name);
    arena[at + i] = byte;
  }
  arena[at + length] = 0;
  return arenaAddress + at;
}

/** Copies `value` into the content part; false when it is too long for it. */
export function putData(value: Uint8Array): boolean {
  if (value.length > dataBytes) return false;
  data.bytes.set(value);
  return true;
}

/** A copy of the first `length` content bytes. */
export function takeData(length: number): Uint8Array {
  return data.bytes.slice(0, length);
}

/** A signed 64-bit field of `view` as a number; exact within 2^53, which every caller checks where more can occur. */
export function readInt64(view: DataView, offset: number): number {
  return view.getInt32(offset + 4, true) * 2 ** 32 + view.getUint32(offset, true);
}

/** Writes a safe integer as a signed 64-bit field. */
export function writeInt64(view: DataView, offset: number, value: number): void {
  view.setInt32(offset + 4, Math.floor(value / 2 ** 32), true);
  view.setUint32(offset, (value % 2 ** 32) >>> 0, true);
}
