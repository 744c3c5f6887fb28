import type { Manifest, Problem } from '#model';
import type { Clock } from '#runtime';
import type { SnapshotSource } from '../ports.ts';

/**
 * What happens to files that are in the target folder already. `refuse-if-not-empty`: nothing, the restore does not
 * start (unless the same restore was broken off there: then it goes on). `skip`: they stay. `overwrite`: they are replaced,
 * those of equal kind, size and modification time are taken for complete and get their metadata only. `newer`: the newer
 * one wins, by modification time. Folders are never emptied, whatever is in them beside.
 */
export type ExistingPolicy = 'refuse-if-not-empty' | 'skip' | 'overwrite' | 'newer';

/** `names`: by name where this machine knows it, else by number. Another user than root can only give files to itself. */
export type OwnerPolicy = 'names' | 'numbers' | 'none';

export interface RestoreOptions {
  readonly source: SnapshotSource;
  readonly manifest: Manifest;
  /** SHA-256 of the manifest's payload: it names what goes on when a broken restore is run again. */
  readonly manifestHash: Uint8Array;
  /** What to restore; a folder's content lands in the target itself, a file as the target's entry of its name. Default: all. */
  readonly subPath?: Uint8Array;
  /** Absolute path of a folder; made when it is not there. */
  readonly target: Uint8Array;
  readonly existing: ExistingPolicy;
  readonly owners?: OwnerPolicy;
  /** Decide and count, write nothing. */
  readonly dryRun?: boolean;
  readonly clock: Clock;
  readonly signal?: AbortSignal;
  readonly onProgress?: (report: RestoreReport) => void;
}

export interface RestoreReport {
  /** Restored, or complete already. */
  files: number;
  directories: number;
  /** Symlinks, fifos, device nodes. */
  others: number;
  /** Further names of files and others, counted there too. */
  hardLinks: number;
  bytes: number;
  /** Files taken for complete: kind, size and modification time were equal. */
  unchanged: number;
  /** Left alone because they existed. */
  skipped: number;
  /** Sockets: noted in the snapshot, made by their programs. */
  sockets: number;
  /** Restored as they were stored: they had changed while they were backed up. */
  changedWhileRead: number;
  /** Whose owner or group could not be set: only root can give files away. */
  ownersNotSet: number;
  /** Everything that is not as it was: the first 1000 in full. */
  readonly problems: Problem[];
  problemCount: number;
}
