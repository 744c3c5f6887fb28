import { appendFileSync, readFileSync } from 'node:fs';

/** The calls that the shim tells of, by its numbers; `told` is a word of the scenario itself. */
const calls = [
  'told',
  'open',
  'pwrite',
  'pwritev',
  'write',
  'writev',
  'ftruncate',
  'rename',
  'unlink',
  'link',
  'mkdir',
  'rmdir',
  'fsync',
  'fdatasync',
  'synced',
  'mmap',
  'fallocate',
  'create',
  'read',
  'strange',
] as const;

export type Call = (typeof calls)[number];

/** One call that changed something below the watched folder, as it ended; a sync comes twice, as it began and as it ended. */
export interface FileEvent {
  readonly call: Call;
  readonly pid: number;
  readonly inode: bigint;
  /** Of a write; of a sync, its number. */
  readonly offset: number;
  /** Of a write; of a truncation, the new length. */
  readonly length: number;
  /** errno of a sync that ended. */
  readonly error: number;
  /** Of open: 1 made the file, 2 emptied it, 4 is a folder. Of a write: 8 is on the disk when it returns. */
  readonly flags: number;
  readonly path: string;
  /** The new name of a rename or link. */
  readonly other: string;
  readonly data: Buffer;
}

const headerBytes = 56;
const magic = 0x544c4146;

/** What the shim wrote to the file that FAULT_LOG named. */
export function readRecording(file: string): FileEvent[] {
  const bytes = readFileSync(file);
  const events: FileEvent[] = [];
  for (let at = 0; at < bytes.length; ) {
    if (bytes.readUInt32LE(at) !== magic) throw new Error(`no event at ${at} of ${file}`);
    const total = bytes.readUInt32LE(at + 4);
    const pathEnd = at + headerBytes + bytes.readUInt16LE(at + 52);
    const otherEnd = pathEnd + bytes.readUInt16LE(at + 54);
    const call = calls[bytes.readUInt32LE(at + 8)];
    if (call === undefined) throw new Error(`an unknown call at ${at} of ${file}`);
    events.push({
      call,
      pid: bytes.readUInt32LE(at + 12),
      error: bytes.readInt32LE(at + 20),
      inode: bytes.readBigUInt64LE(at + 24),
      offset: Number(bytes.readBigUInt64LE(at + 32)),
      length: Number(bytes.readBigUInt64LE(at + 40)),
      flags: bytes.readUInt32LE(at + 48),
      path: bytes.toString('utf8', at + headerBytes, pathEnd),
      other: bytes.toString('utf8', pathEnd, otherEnd),
      data: bytes.subarray(otherEnd, at + total),
    });
    at += total;
  }
  return events;
}

/** Adds a word of the scenario to a recording: all that was acknowledged until now stands before it. */
export function tell(recording: string, word: string): void {
  const path = Buffer.from(word);
  const header = Buffer.alloc(headerBytes);
  header.writeUInt32LE(magic, 0);
  header.writeUInt32LE(headerBytes + path.length, 4);
  header.writeUInt32LE(process.pid, 12);
  header.writeUInt16LE(path.length, 52);
  // One write to a file that is opened for appending: events of other processes come before it or behind it.
  appendFileSync(recording, Buffer.concat([header, path]));
}
