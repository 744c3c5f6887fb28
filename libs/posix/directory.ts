import { type FileKind, kindByTypeBits } from './file-status.ts';
import { checked, libc } from './libc.ts';
import { data } from './native-arena.ts';

/** One name in a folder. `type` is 'unknown' on file systems that do not tell without a statAt. */
export interface DirectoryEntry {
  readonly name: Uint8Array;
  readonly type: FileKind | 'unknown';
}

// struct linux_dirent64: inode 8, offset 8, record length 2, type 1, name with a closing zero.
const recordLengthAt = 16;
const typeAt = 18;
const nameAt = 19;
const dot = 0x2e;
const seekSet = 0;

/**
 * The names in an open folder (not O_PATH), from its start, without '.' and '..', in the file system's order, in batches
 * of at most about 2,700: of a folder of a million entries only one batch is in memory. Throws PosixError.
 */
export function* readDirectoryBatches(fd: number): Generator<DirectoryEntry[], void, undefined> {
  checked('lseek', undefined, () => libc.lseek(fd, 0, seekSet));
  for (;;) {
    const length = checked('getdents64', undefined, () => libc.getdents64(fd, data.address, data.length));
    if (length === 0) return;
    yield decodeEntries(length);
  }
}

/** All names in an open folder at once, as readDirectoryBatches gives them. Throws PosixError. */
export function readDirectory(fd: number): DirectoryEntry[] {
  const entries: DirectoryEntry[] = [];
  for (const batch of readDirectoryBatches(fd)) for (const entry of batch) entries.push(entry);
  return entries;
}

function decodeEntries(length: number): DirectoryEntry[] {
  const { bytes, view } = data;
  const entries: DirectoryEntry[] = [];
  for (let at = 0; at < length; at += view.getUint16(at + recordLengthAt, true)) {
    const start = at + nameAt;
    let end = start;
    while (bytes[end] !== 0) end++;
    if (bytes[start] === dot && (end === start + 1 || (end === start + 2 && bytes[start + 1] === dot))) continue;
    entries.push({ name: bytes.slice(start, end), type: kindByTypeBits[view.getUint8(at + typeAt)] ?? 'unknown' });
  }
  return entries;
}
