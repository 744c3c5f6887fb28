import { type Entry, EntryState } from '#model';
import type { FileStatus } from '#posix';
import { entryOfStatus } from '../tree/entry-fields.ts';
import type { ContentCutter } from './content-cutter.ts';
import { readFile } from './file-reader.ts';
import { KnownLinks } from './known-links.ts';
import type { PreviousTree } from './previous-tree.ts';
import type { SnapshotRun } from './snapshot-run.ts';

/** Fills entries of regular files with their content: taken over, known by another name, or read. */
export class FileEntries {
  readonly #run: SnapshotRun;
  readonly #cutter: ContentCutter;
  readonly #previous: PreviousTree;
  readonly #links = new KnownLinks();

  constructor(run: SnapshotRun, cutter: ContentCutter, previous: PreviousTree) {
    this.#run = run;
    this.#cutter = cutter;
    this.#previous = previous;
  }

  /** Completes `entry`, whose status is that of its file in the open folder. */
  async complete(
    dirFd: number,
    entry: Entry,
    status: FileStatus,
    path: string,
    previous: Entry | undefined,
  ): Promise<'done' | 'vanished'> {
    if (status.size === 0) return 'done';
    const known = this.#links.find(status) ?? this.#unchanged(status, previous);
    if (known !== undefined) {
      entry.extents = known.extents;
      entry.contentListHash = known.contentListHash;
      return 'done';
    }
    const reading = await readFile(dirFd, entry.name, this.#cutter);
    if (reading.outcome === 'vanished') return 'vanished';
    if (reading.outcome === 'unreadable') {
      this.#run.problems.add(path, reading.code, reading.what);
      entry.state = EntryState.unreadable;
      return 'done';
    }
    this.#run.statistics.filesRead += 1;
    this.#fill(entry, reading.status);
    const { extents, contentListHash, length } = reading.content;
    Object.assign(entry, { extents, contentListHash, size: length });
    if (reading.outcome === 'changedWhileRead') {
      entry.state = EntryState.changedWhileRead;
      this.#run.problems.add(path, 'changed_while_read', 'it kept changing while it was read, three times');
    } else this.#links.add({ status: reading.status, extents, contentListHash });
    return 'done';
  }

  #unchanged(status: FileStatus, previous: Entry | undefined): Entry | undefined {
    if (previous === undefined || !this.#previous.hasSameContent(previous, status)) return undefined;
    this.#run.statistics.filesReused += 1;
    this.#run.statistics.bytesReused += status.size;
    this.#links.add({ status, extents: previous.extents, contentListHash: previous.contentListHash });
    return previous;
  }

  /** What the file says of itself now that it was read. */
  #fill(entry: Entry, status: FileStatus): void {
    const { name, user, group, fileSystem } = entry;
    Object.assign(entry, entryOfStatus(name, status), { user, group, fileSystem });
  }
}
