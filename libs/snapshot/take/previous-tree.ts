import { type Entry, EntryKind, EntryState } from '#model';
import type { FileStatus } from '#posix';
import { equalBytes } from '#runtime';
import { bytesOf } from '../path-text.ts';
import { inodeBytes } from '../tree/entry-fields.ts';
import { entryAt } from '../tree/find-entry.ts';
import { PreviousFolder } from './previous-folder.ts';
import type { PreviousSnapshot } from './snapshot-options.ts';

// FAT keeps even seconds. Within one tick of a coarse clock a file can change after it was read, unseen.
const racySeconds = 2;

/** The snapshot before this one, if there is one: what need not be read again. */
export class PreviousTree {
  readonly #previous: PreviousSnapshot | undefined;
  /** Of changes before this second the previous snapshot surely saw the outcome. */
  readonly #trustedSeconds: number;

  constructor(previous: PreviousSnapshot | undefined) {
    this.#previous = previous;
    this.#trustedSeconds = previous === undefined ? 0 : previous.manifest.startedSeconds - racySeconds;
  }

  /** What it had at an absolute path (latin1 text), also when other paths were backed up with it. */
  async at(path: string): Promise<Entry | undefined> {
    const previous = this.#previous;
    if (previous === undefined) return undefined;
    try {
      return await entryAt(previous, previous.manifest, bytesOf(path));
    } catch {
      // It only saves work: of what it lost, everything is read anew.
      return undefined;
    }
  }

  folder(entry: Entry | undefined): PreviousFolder | undefined {
    if (this.#previous === undefined || entry === undefined || entry.directoryHash.length === 0) return undefined;
    return new PreviousFolder(this.#previous, entry.directoryHash);
  }

  /** True when the inode of an entry has not been touched since: its attributes are those of the entry. */
  isUntouched(entry: Entry, status: FileStatus): boolean {
    if (entry.state !== EntryState.good || status.ctimeS >= this.#trustedSeconds) return false;
    if (status.ctimeS !== entry.changedSeconds || status.ctimeNs !== entry.changedNanos) return false;
    return equalBytes(entry.inode, inodeBytes(status.inode));
  }

  /** True when the file's content is surely the entry's: no need to open it. */
  hasSameContent(entry: Entry, status: FileStatus): boolean {
    if (entry.kind !== EntryKind.file || status.mtimeS >= this.#trustedSeconds) return false;
    if (status.mtimeS !== entry.modifiedSeconds || status.mtimeNs !== entry.modifiedNanos) return false;
    return status.size === entry.size && this.isUntouched(entry, status);
  }
}
