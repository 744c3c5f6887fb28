import { hash } from 'node:crypto';
import type { Entry } from '#model';
import { isPosixError, openBeneath, openFlag } from '#posix';
import { AppError, systemCode } from '#runtime';
import { Breather } from '../breather.ts';
import { OpenFolders } from '../open-folders.ts';
import { bytesOf, textOf } from '../path-text.ts';
import type { SnapshotSource } from '../ports.ts';
import { ProblemList } from '../problem-list.ts';
import { applyMetadata, type EntryPlace, type LoadedXattr } from './entry-metadata.ts';
import { OwnerChoice } from './owner-ids.ts';
import type { RestoreOptions, RestoreReport } from './restore-options.ts';

/** A file and what is to be said of it. */
export interface Described {
  readonly entry: Entry;
  readonly xattrs: readonly LoadedXattr[];
  readonly path: string;
  readonly mayHaveOthers: boolean;
}

/** One restore: what its parts share. */
export class RestoreRun {
  readonly source: SnapshotSource;
  readonly options: RestoreOptions;
  readonly report: RestoreReport;
  readonly breather: Breather;
  /** Folders of the target, opened one name at a time so that no link and no '..' leads out of it. */
  readonly folders = new OpenFolders((parentFd, name) =>
    openBeneath(parentFd, name, openFlag.path | openFlag.directory),
  );
  readonly #problems = new ProblemList();
  readonly #owners: OwnerChoice;
  readonly #seed: Uint8Array;

  constructor(options: RestoreOptions) {
    this.options = options;
    this.source = options.source;
    this.#owners = new OwnerChoice(options.owners ?? 'names');
    this.#seed = options.manifestHash;
    this.report = {
      files: 0,
      directories: 0,
      others: 0,
      hardLinks: 0,
      bytes: 0,
      unchanged: 0,
      skipped: 0,
      sockets: 0,
      changedWhileRead: 0,
      ownersNotSet: 0,
      problems: this.#problems.list,
      problemCount: 0,
    };
    this.breather = new Breather(options.clock, options.signal, () => options.onProgress?.(this.report));
  }

  problem(path: string, code: string, what: string): void {
    this.#problems.add(path, code, what);
    this.report.problemCount = this.#problems.count;
  }

  /**
   * Notes what a system call could not do to one file; everything else, and what stops all files (a full disk), is thrown.
   */
  fileProblem(path: string, error: unknown): void {
    const code = systemCode(error);
    const isSystemError = error instanceof Error && 'syscall' in error;
    if (code === undefined || !isSystemError) throw error;
    if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'EROFS') {
      throw new AppError(`the target takes no more: ${error.message}`, {
        code: 'target_full',
        advice: 'Make room (or choose another target), then run the same restore again: it goes on where it stopped.',
        cause: error,
      });
    }
    this.problem(path, code, error.message);
  }

  metadata(place: EntryPlace, { entry, xattrs, path, mayHaveOthers }: Described): void {
    applyMetadata(place, entry, xattrs, {
      mayHaveOthers,
      owners: this.#owners,
      onProblem: (code, what) => this.problem(path, code, what),
      onOwnerNotSet: () => {
        this.report.ownersNotSet += 1;
      },
    });
  }

  /** The attributes of an entry, long values fetched. One that is lost is said, and left out. */
  async xattrs(entry: Entry, path: string): Promise<LoadedXattr[]> {
    if (entry.xattrs.length === 0) return [];
    const hashes = entry.xattrs.map((xattr) => xattr.valueHash).filter((valueHash) => valueHash.length > 0);
    const values = new Map<string, Uint8Array>();
    if (hashes.length > 0) {
      for await (const { hash: found, content } of this.source.chunks(hashes)) {
        if (content !== undefined) values.set(textOf(found), content.slice());
      }
    }
    const loaded: LoadedXattr[] = [];
    for (const { name, value, valueHash } of entry.xattrs) {
      const whole = valueHash.length === 0 ? value : values.get(textOf(valueHash));
      if (whole !== undefined) loaded.push({ name, value: whole });
      else this.problem(path, 'content_missing', `its attribute ${Buffer.from(name).toString()} is lost`);
    }
    return loaded;
  }

  /**
   * Under which name something lies until it is complete. It depends on the snapshot, so the next run of the same restore
   * finds and replaces what a broken one left, and no snapshot can contain its own.
   */
  temporaryName(name: Uint8Array): Uint8Array {
    const digest = hash('sha256', Buffer.concat([this.#seed, name]), 'hex');
    return bytesOf(`.sitepair-${digest.slice(0, 20)}`);
  }
}

/** True for what says that a name is not there. */
export function isAbsent(error: unknown): boolean {
  return isPosixError(error, 'ENOENT');
}
