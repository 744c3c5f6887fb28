import { type Entry, EntryKind, EntryState } from '#model';
import { effectiveUser, type FileStatus, fchmodAt, mkdirAt, mknodAt, renameAt, statAt, symlinkAt } from '#posix';
import { AppError } from '#runtime';
import { joinPath, textOf } from '../path-text.ts';
import { extentsOf } from '../tree/content-reader.ts';
import { directorySegments, malformedTree } from '../tree/directory-reader.ts';
import { treeLimits } from '../tree/tree-limits.ts';
import { ChunkBatches } from './chunk-batches.ts';
import { type Decision, decide } from './existing-file.ts';
import { FileWriter, makeAnew, unlinkIfThere } from './file-writer.ts';
import { LinkGroups } from './link-groups.ts';
import type { ExistingPolicy } from './restore-options.ts';
import { isAbsent, type RestoreRun } from './restore-run.ts';
import { RestoredFolder } from './restored-folder.ts';

/** An entry on its way; without a folder in a dry run, below a folder that is not there yet. */
interface Pending {
  readonly folder: RestoredFolder | undefined;
  readonly entry: Entry;
  readonly path: string;
  readonly depth: number;
  readonly decision: Decision;
  readonly existing: FileStatus | undefined;
}
type Placed = Pending & { readonly folder: RestoredFolder };

/** Makes the entries of a snapshot's tree in a folder. */
export class TreeRestore {
  readonly #run: RestoreRun;
  readonly #policy: ExistingPolicy;
  readonly #writer: FileWriter;
  readonly #batches: ChunkBatches;
  readonly #links: LinkGroups;
  readonly #isRoot = effectiveUser().uid === 0;

  constructor(run: RestoreRun, policy: ExistingPolicy) {
    this.#run = run;
    this.#policy = policy;
    this.#writer = new FileWriter(run);
    this.#batches = new ChunkBatches(run.source, this.#writer, run.breather);
    this.#links = new LinkGroups(run);
  }

  /** Everything in a directory of the snapshot. */
  async content(folder: RestoredFolder | undefined, directory: Entry, path: string, depth = 0): Promise<void> {
    if (directory.state === EntryState.unreadable) {
      this.#run.problem(path, 'not_in_snapshot', 'its list could not be read when it was backed up');
    }
    if (directory.directoryHash.length === 0) return;
    if (depth >= treeLimits.depth) throw malformedTree('it is deeper than any can be');
    try {
      for await (const entries of directorySegments(this.#run.source, directory.directoryHash)) {
        for (const entry of entries) await this.entry(folder, entry, joinPath(path, textOf(entry.name)), depth);
      }
    } catch (error) {
      this.#lostPart(path, error);
    }
  }

  async entry(folder: RestoredFolder | undefined, entry: Entry, path: string, depth = 0): Promise<void> {
    await this.#run.breather.pause();
    try {
      const existing = folder === undefined ? undefined : this.#existing(folder, entry.name);
      const decision = decide(entry, existing, this.#policy);
      await this.#make({ folder, entry, path, depth, decision, existing });
    } catch (error) {
      this.#run.fileProblem(path, error);
    }
  }

  /** Writes what is still on its way. */
  async finish(): Promise<void> {
    await this.#batches.finish();
  }

  /** Stops, and removes what is unfinished. */
  async abandon(): Promise<void> {
    await this.#batches.idle();
    this.#writer.abandon();
  }

  async #make(pending: Pending): Promise<void> {
    const { folder, entry, path, decision } = pending;
    if (entry.kind === EntryKind.socket) {
      this.#run.report.sockets += 1;
      return;
    }
    if (decision === 'blocked') {
      const what = entry.kind === EntryKind.directory ? 'something that is no folder' : 'a folder';
      return this.#run.problem(path, 'in_the_way', `${what} is in the way, and was left there`);
    }
    if (decision === 'skip') {
      this.#run.report.skipped += 1;
      return;
    }
    if (entry.kind === EntryKind.directory) return this.#directory(pending);
    if (entry.state === EntryState.unreadable) {
      return this.#run.problem(path, 'not_in_snapshot', 'its content could not be read when it was backed up');
    }
    if (folder === undefined || this.#run.options.dryRun === true) return this.#countOnly(entry, decision);
    const placed = { ...pending, folder };
    return entry.kind === EntryKind.file ? this.#file(placed) : this.#other(placed);
  }

  async #directory(pending: Pending): Promise<void> {
    const { folder, entry, path, depth, decision } = pending;
    this.#run.report.directories += 1;
    const mayWrite = folder !== undefined && this.#run.options.dryRun !== true;
    if (!mayWrite && (folder === undefined || decision !== 'enter')) {
      return this.content(undefined, entry, path, depth + 1);
    }
    if (mayWrite) this.#makeFolder({ ...pending, folder });
    const setsMetadata = mayWrite && this.#ownsFolder(pending);
    const metadata = setsMetadata ? { entry, xattrs: await this.#run.xattrs(entry, path) } : undefined;
    const made = new RestoredFolder(this.#run, {
      folder: this.#run.folders.open(folder.folder, entry.name),
      path,
      parent: folder,
      metadata,
      isNew: mayWrite && decision !== 'enter',
    });
    try {
      await this.content(made, entry, path, depth + 1);
    } finally {
      made.release();
    }
  }

  #makeFolder({ folder, entry, decision, existing }: Placed): void {
    const dirFd = folder.descriptor;
    if (decision === 'replace') unlinkIfThere(dirFd, entry.name);
    if (decision !== 'enter') mkdirAt(dirFd, entry.name, 0o700);
    else if (existing !== undefined && !this.#isRoot && (existing.mode & 0o700) !== 0o700) {
      // It may be read-only because an earlier run finished it; its mode is set again in the end.
      fchmodAt(dirFd, entry.name, existing.mode | 0o700);
    }
  }

  /** Whether a folder's own metadata come from the snapshot: not where existing things stay as they are. */
  #ownsFolder({ entry, decision, existing }: Pending): boolean {
    if (decision !== 'enter' || existing === undefined) return true;
    if (this.#policy === 'newer') return existing.mtimeS < entry.modifiedSeconds;
    return this.#policy === 'overwrite';
  }

  async #file(placed: Placed): Promise<void> {
    const { folder, entry, path, decision } = placed;
    const name = { folder, entry, path };
    if (entry.links > 1 && this.#links.joins(name)) return;
    const xattrs = await this.#run.xattrs(entry, path);
    if (decision === 'complete') {
      this.#run.metadata({ dirFd: folder.descriptor, name: entry.name }, { entry, xattrs, path, mayHaveOthers: true });
      this.#countOnly(entry, decision);
      return this.#links.begin(name, true);
    }
    this.#links.begin(name, false);
    const job = this.#writer.start({ ...name, xattrs, onEnd: (restored) => this.#links.end(name, restored) });
    try {
      let offset = 0;
      for await (const extents of extentsOf(this.#run.source, entry)) {
        for (const extent of extents) {
          if (extent.chunkHash.length > 0 && !job.ended) await this.#batches.add(job, extent, offset);
          offset += extent.length;
        }
      }
    } catch (error) {
      if (!isLost(error)) throw error;
      return this.#writer.fail(job, error.code, error.message);
    }
    job.listed = true;
    this.#writer.finishIfComplete(job);
  }

  async #other({ folder, entry, path }: Placed): Promise<void> {
    const linked = { folder, entry, path };
    if (entry.links > 1 && this.#links.joins(linked)) return;
    const xattrs = await this.#run.xattrs(entry, path);
    const dirFd = folder.descriptor;
    const temporary = this.#run.temporaryName(entry.name);
    const make = makerOf(entry, dirFd, temporary);
    if (make === undefined) return this.#run.problem(path, 'unknown_kind', 'this version knows no such kind of file');
    makeAnew(dirFd, temporary, make);
    this.#run.metadata({ dirFd, name: temporary }, { entry, xattrs, path, mayHaveOthers: folder.handsDown });
    renameAt(dirFd, temporary, dirFd, entry.name);
    this.#links.begin(linked, true);
    this.#run.report.others += 1;
  }

  #countOnly(entry: Entry, decision: Decision): void {
    const { report } = this.#run;
    if (entry.kind !== EntryKind.file) {
      report.others += 1;
      return;
    }
    report.files += 1;
    if (decision === 'complete') report.unchanged += 1;
    else report.bytes += entry.size;
  }

  #existing(folder: RestoredFolder, name: Uint8Array): FileStatus | undefined {
    if (folder.isNew) return undefined;
    try {
      return statAt(folder.descriptor, name);
    } catch (error) {
      if (isAbsent(error)) return undefined;
      throw error;
    }
  }

  /** A directory that is lost or damaged costs what is below it, not the rest. */
  #lostPart(path: string, error: unknown): void {
    if (!isLost(error)) throw error;
    this.#run.problem(path, error.code, `what is in it is lost: ${error.message}`);
  }
}

/** What makes a file that is no regular one and no folder; undefined for kinds that this version does not know. */
function makerOf(entry: Entry, dirFd: number, name: Uint8Array): (() => void) | undefined {
  const { deviceMajor, deviceMinor } = entry;
  switch (entry.kind) {
    case EntryKind.symlink:
      return () => symlinkAt(entry.linkTarget, dirFd, name);
    case EntryKind.fifo:
      return () => mknodAt(dirFd, name, 'fifo', 0o600);
    case EntryKind.characterDevice:
      return () => mknodAt(dirFd, name, 'char', 0o600, deviceMajor, deviceMinor);
    case EntryKind.blockDevice:
      return () => mknodAt(dirFd, name, 'block', 0o600, deviceMajor, deviceMinor);
    default:
      return undefined;
  }
}

const lostCodes: ReadonlySet<string> = new Set(['content_missing', 'malformed_tree', 'malformed_message']);

function isLost(error: unknown): error is AppError {
  return error instanceof AppError && lostCodes.has(error.code);
}
