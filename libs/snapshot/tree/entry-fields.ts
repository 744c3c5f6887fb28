import { type Entry, EntryKind, EntryState } from '#model';
import type { FileKind, FileStatus } from '#posix';

const none = new Uint8Array(0);

export const entryKinds: Readonly<Record<FileKind, EntryKind>> = {
  file: EntryKind.file,
  directory: EntryKind.directory,
  symlink: EntryKind.symlink,
  fifo: EntryKind.fifo,
  char: EntryKind.characterDevice,
  block: EntryKind.blockDevice,
  socket: EntryKind.socket,
};

/** An entry of which nothing is known but name and kind. */
export function blankEntry(name: Uint8Array, kind: EntryKind): Entry {
  return {
    name,
    kind,
    mode: 0,
    uid: 0,
    gid: 0,
    user: none,
    group: none,
    modifiedSeconds: 0,
    modifiedNanos: 0,
    size: 0,
    extents: [],
    contentListHash: none,
    directoryHash: none,
    linkTarget: none,
    deviceMajor: 0,
    deviceMinor: 0,
    xattrs: [],
    inode: none,
    links: 0,
    fileSystem: 0,
    changedSeconds: 0,
    changedNanos: 0,
    state: EntryState.good,
  };
}

/**
 * A decoded entry as an object of its own. The decoder leaves absent fields to a prototype, where a copy does not find
 * them, and there absent bytes are no Uint8Array.
 */
export function plainEntry(decoded: Entry): Entry {
  const entry = Object.assign(blankEntry(decoded.name, decoded.kind), decoded);
  if (entry.name.length === 0) entry.name = none;
  return entry;
}

/** The entry for what `status` says; content, names of owners, attributes and link target are the caller's to fill in. */
export function entryOfStatus(name: Uint8Array, status: FileStatus): Entry {
  const isDevice = status.kind === 'char' || status.kind === 'block';
  return {
    ...blankEntry(name, entryKinds[status.kind]),
    // Linux has no modes of symlinks: it always says 0777.
    mode: status.mode,
    uid: status.uid,
    gid: status.gid,
    modifiedSeconds: status.mtimeS,
    modifiedNanos: status.mtimeNs,
    size: status.kind === 'file' ? status.size : 0,
    deviceMajor: isDevice ? status.rdevMajor : 0,
    deviceMinor: isDevice ? status.rdevMinor : 0,
    inode: inodeBytes(status.inode),
    links: status.links,
    changedSeconds: status.ctimeS,
    changedNanos: status.ctimeNs,
  };
}

/** 8 bytes, little-endian. */
export function inodeBytes(inode: bigint): Uint8Array {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeBigUInt64LE(inode);
  return bytes;
}

/** A key for the file behind an entry that has several names: equal for its links within one snapshot. */
export function linkKey(entry: Entry): string {
  return `${entry.fileSystem}:${Buffer.from(entry.inode).toString('hex')}`;
}
