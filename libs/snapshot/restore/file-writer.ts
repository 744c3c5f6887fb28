import { writeSync } from 'node:fs';
import { type Entry, EntryState } from '#model';
import { closeFd, ftruncate, isPosixError, openBeneath, openFlag, renameAt, unlinkAt } from '#posix';
import type { LoadedXattr } from './entry-metadata.ts';
import { isAbsent, type RestoreRun } from './restore-run.ts';
import type { RestoredFolder } from './restored-folder.ts';

/** A file being restored: under a temporary name until everything about it is right. */
export interface FileJob {
  readonly folder: RestoredFolder;
  readonly entry: Entry;
  readonly path: string;
  readonly xattrs: readonly LoadedXattr[];
  /** Told once, in the end. */
  readonly onEnd: (restored: boolean) => void;
  /** -1 while it is not open. */
  descriptor: number;
  /** Chunks asked for and not written yet. */
  missing: number;
  /** All its chunks have been asked for. */
  listed: boolean;
  ended: boolean;
}

/** Writes files piece by piece, in any order, and puts them in their place when they are complete. */
export class FileWriter {
  readonly #run: RestoreRun;
  readonly #open = new Set<FileJob>();

  constructor(run: RestoreRun) {
    this.#run = run;
  }

  /** Holds the folder until the job ends. */
  start(job: Pick<FileJob, 'folder' | 'entry' | 'path' | 'xattrs' | 'onEnd'>): FileJob {
    job.folder.hold();
    return { ...job, descriptor: -1, missing: 0, listed: false, ended: false };
  }

  /** Writes one chunk that was asked for, at its offset. */
  write(job: FileJob, offset: number, content: Uint8Array): void {
    if (job.ended) return;
    try {
      this.#openJob(job);
      for (let done = 0; done < content.length; ) {
        done += writeSync(job.descriptor, content, done, content.length - done, offset + done);
      }
    } catch (error) {
      this.#failBy(job, error);
      return;
    }
    job.missing -= 1;
    this.finishIfComplete(job);
  }

  finishIfComplete(job: FileJob): void {
    if (job.ended || !job.listed || job.missing > 0) return;
    const { folder, entry } = job;
    try {
      this.#openJob(job);
      // Holes are what was never written; one at the end needs the size.
      ftruncate(job.descriptor, entry.size);
      const temporary = this.#run.temporaryName(entry.name);
      this.#run.metadata({ dirFd: folder.descriptor, name: temporary }, { ...job, mayHaveOthers: folder.handsDown });
      renameAt(folder.descriptor, temporary, folder.descriptor, entry.name);
    } catch (error) {
      this.#failBy(job, error);
      return;
    }
    this.#run.report.files += 1;
    this.#run.report.bytes += entry.size;
    if (entry.state === EntryState.changedWhileRead) this.#run.report.changedWhileRead += 1;
    this.#end(job, true);
  }

  /** Gives a file up: what is there of it is removed, and it is named. */
  fail(job: FileJob, code: string, what: string): void {
    if (job.ended) return;
    this.#run.problem(job.path, code, what);
    this.#discard(job);
    this.#end(job, false);
  }

  /** Removes everything unfinished, when the restore is broken off. */
  abandon(): void {
    for (const job of this.#open) this.#discard(job);
  }

  #failBy(job: FileJob, error: unknown): void {
    this.#run.fileProblem(job.path, error);
    this.#discard(job);
    this.#end(job, false);
  }

  #openJob(job: FileJob): void {
    if (job.descriptor >= 0) return;
    const dirFd = job.folder.descriptor;
    const temporary = this.#run.temporaryName(job.entry.name);
    const flags = openFlag.write | openFlag.create | openFlag.exclusive;
    job.descriptor = makeAnew(dirFd, temporary, () => openBeneath(dirFd, temporary, flags, 0o600));
    this.#open.add(job);
  }

  #discard(job: FileJob): void {
    if (job.descriptor < 0) return;
    closeFd(job.descriptor);
    job.descriptor = -1;
    this.#open.delete(job);
    try {
      unlinkIfThere(job.folder.descriptor, this.#run.temporaryName(job.entry.name));
    } catch (error) {
      this.#run.fileProblem(job.path, error);
    }
  }

  #end(job: FileJob, restored: boolean): void {
    job.ended = true;
    if (job.descriptor >= 0) closeFd(job.descriptor);
    job.descriptor = -1;
    this.#open.delete(job);
    job.onEnd(restored);
    job.folder.release();
  }
}

/** Makes something exclusively under a temporary name; what a broken run left there, whatever it is, goes first. */
export function makeAnew<T>(dirFd: number, temporary: Uint8Array, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (!isPosixError(error, 'EEXIST')) throw error;
    unlinkAt(dirFd, temporary);
    return make();
  }
}

export function unlinkIfThere(dirFd: number, name: Uint8Array): void {
  try {
    unlinkAt(dirFd, name);
  } catch (error) {
    if (!isAbsent(error)) throw error;
  }
}
