import { type Entry, EntryKind, EntryState, type Manifest } from '#model';
import type { FileStatus } from '#posix';
import { compareBytes, equalBytes } from '#runtime';
import { directorySegments, type NodeReader } from '../tree/directory-reader.ts';
import { inodeBytes } from '../tree/entry-fields.ts';

// FAT keeps even seconds. Within one tick of a coarse clock a file can change after it was read, unseen.
const racySeconds = 2;

/** One folder as the previous snapshot had it, asked for its entries in memcmp order of their names. */
export class PreviousFolder {
  readonly #nodes: NodeReader;
  readonly #segments: AsyncGenerator<Entry[]>;
  #entries: Entry[] = [];
  #at = 0;
  #ended = false;

  constructor(nodes: NodeReader, directoryHash: Uint8Array) {
    this.#nodes = nodes;
    this.#segments = directorySegments(nodes, directoryHash);
  }

  /** The entry called `name`, if there was one; names before it are gone afterwards. */
  async entry(name: Uint8Array): Promise<Entry | undefined> {
    for (;;) {
      const entry = this.#entries[this.#at];
      if (entry === undefined) {
        if (!(await this.#nextSegment())) return undefined;
        continue;
      }
      const order = compareBytes(entry.name, name);
      if (order > 0) return undefined;
      this.#at += 1;
      if (order === 0) return entry;
    }
  }

  below(entry: Entry | undefined): PreviousFolder | undefined {
    if (entry === undefined || entry.directoryHash.length === 0) return undefined;
    return new PreviousFolder(this.#nodes, entry.directoryHash);
  }

  async #nextSegment(): Promise<boolean> {
    if (this.#ended) return false;
    this.#at = 0;
    this.#entries = [];
    try {
      const next = await this.#segments.next();
      if (next.done === true) this.#ended = true;
      else this.#entries = next.value;
    } catch {
      // The previous snapshot only saves work: of what it lost, everything is read anew.
      this.#ended = true;
    }
    return !this.#ended;
  }
}

/** The last second of which the previous snapshot surely saw every change. */
export function trustedBefore(manifest: Manifest): number {
  return manifest.startedSeconds - racySeconds;
}

/** True when the inode of an entry has not been touched since: its attributes are those of the entry. */
export function isUntouched(entry: Entry, status: FileStatus, trustedSeconds: number): boolean {
  if (entry.state !== EntryState.good || status.ctimeS >= trustedSeconds) return false;
  if (status.ctimeS !== entry.changedSeconds || status.ctimeNs !== entry.changedNanos) return false;
  return equalBytes(entry.inode, inodeBytes(status.inode));
}

/** True when the file's content is surely the entry's: no need to open it. */
export function hasSameContent(entry: Entry, status: FileStatus, trustedSeconds: number): boolean {
  if (entry.kind !== EntryKind.file || status.mtimeS >= trustedSeconds) return false;
  if (!isUntouched(entry, status, trustedSeconds) || status.size !== entry.size) return false;
  return status.mtimeS === entry.modifiedSeconds && status.mtimeNs === entry.modifiedNanos;
}
