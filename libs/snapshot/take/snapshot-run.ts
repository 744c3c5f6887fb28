import { type Entry, EntryKind, EntryState, type Manifest, type Totals } from '#model';
import { encodeNode } from '#wire';
import { Breather } from '../breather.ts';
import { bytesOf } from '../path-text.ts';
import { ProblemList } from '../problem-list.ts';
import { Upload } from '../upload/upload.ts';
import type { SnapshotResult, SnapshotStatistics, UploadOptions } from './snapshot-options.ts';

/** What the manifest needs from a walk or a stream. */
export interface Taken {
  readonly root: Entry;
  readonly rootIsVirtual: boolean;
  readonly paths: Uint8Array[];
  readonly excludePatterns: string[];
  readonly oneFileSystem: boolean;
}

/** One snapshot being taken: its upload, its counts and problems, and in the end its manifest. */
export class SnapshotRun {
  readonly upload: Upload;
  readonly problems = new ProblemList();
  readonly totals: Totals;
  readonly statistics: SnapshotStatistics;
  readonly startedMs: number;
  readonly #options: UploadOptions;
  readonly #breather: Breather;
  #path = '';

  constructor(options: UploadOptions) {
    this.#options = options;
    this.upload = new Upload(options.sink);
    this.totals = { files: 0, directories: 0, others: 0, contentBytes: 0, changedWhileRead: 0, unreadable: 0 };
    this.statistics = {
      filesRead: 0,
      filesReused: 0,
      bytesRead: 0,
      bytesReused: 0,
      excluded: 0,
      vanished: 0,
      newChunks: 0,
      newBytes: 0,
      newNodes: 0,
      sentBytes: 0,
    };
    this.#breather = new Breather(options.clock, options.signal, () => this.#report());
    this.startedMs = options.clock.nowMs();
  }

  /** Where long work waits: for the upload, for the other tasks of this process; rejects when aborted or failed. */
  async pause(path = this.#path): Promise<void> {
    this.#path = path;
    await this.upload.room();
    await this.#breather.pause();
  }

  /** Throws when the snapshot was aborted or its upload failed. */
  throwIfEnded(): void {
    this.#options.signal?.throwIfAborted();
    this.upload.throwIfFailed();
  }

  count(entry: Entry): void {
    const { totals } = this;
    if (entry.kind === EntryKind.file) {
      totals.files += 1;
      if (entry.state !== EntryState.unreadable) totals.contentBytes += entry.size;
    } else if (entry.kind === EntryKind.directory) totals.directories += 1;
    else totals.others += 1;
    if (entry.state === EntryState.changedWhileRead) totals.changedWhileRead += 1;
    if (entry.state === EntryState.unreadable) totals.unreadable += 1;
  }

  /** Puts the manifest, last of all, and waits until everything is with the sink. */
  async finish(taken: Taken): Promise<SnapshotResult> {
    const manifest = this.#manifest(taken);
    const manifestHash = this.upload.node(encodeNode({ type: 'manifest', manifest }));
    await this.upload.finish();
    this.#report();
    const { problems, totals, statistics } = this;
    return { manifestHash, manifest, problems: problems.list, problemCount: problems.count, totals, statistics };
  }

  #manifest(taken: Taken): Manifest {
    const started = secondsAndNanos(this.startedMs);
    const finished = secondsAndNanos(this.#options.clock.nowMs());
    return {
      format: 1,
      ...this.#options.labels,
      ...taken,
      startedSeconds: started.seconds,
      startedNanos: started.nanos,
      finishedSeconds: finished.seconds,
      finishedNanos: finished.nanos,
      totals: { ...this.totals },
      problems: this.problems.list,
    };
  }

  #report(): void {
    Object.assign(this.statistics, this.upload.counts);
    const { totals, statistics } = this;
    this.#options.onProgress?.({ path: bytesOf(this.#path), totals: { ...totals }, statistics: { ...statistics } });
  }
}

export function secondsAndNanos(ms: number): { readonly seconds: number; readonly nanos: number } {
  const seconds = Math.floor(ms / 1000);
  return { seconds, nanos: Math.min(Math.round((ms - seconds * 1000) * 1_000_000), 999_999_999) };
}
