import type { Manifest, Problem, Totals } from '#model';
import type { Clock } from '#runtime';
import type { SnapshotSink } from '../ports.ts';

/** The snapshot before this one, of the same dataset, whole in the store that the sink leads to. */
export interface PreviousSnapshot {
  readonly manifest: Manifest;
  /** Payload of a node, checked against its hash. */
  node(hash: Uint8Array): Promise<Uint8Array>;
}

/** What the manifest says beside the tree. */
export interface SnapshotLabels {
  readonly siteId: Uint8Array;
  readonly datasetId: Uint8Array;
  readonly datasetName: string;
  readonly host: string;
  readonly softwareVersion: string;
}

export interface UploadOptions {
  readonly sink: SnapshotSink;
  /** 32 bytes: the domain's. */
  readonly chunkerKey: Uint8Array;
  readonly labels: SnapshotLabels;
  readonly clock: Clock;
  readonly signal?: AbortSignal;
  /** Called at most ten times a second, and once at the end. */
  readonly onProgress?: (progress: SnapshotProgress) => void;
}

export interface SnapshotOptions extends UploadOptions {
  /** Absolute, at least one; what lies below another needs no mention but does no harm. */
  readonly paths: readonly Uint8Array[];
  readonly previous?: PreviousSnapshot;
  /** gitignore syntax, relative to each path, or starting with it. */
  readonly excludes?: readonly string[];
  /** Stay on the file system of each path; mount points become empty folders. */
  readonly oneFileSystem?: boolean;
  /** Of folders with a valid CACHEDIR.TAG keep that tag only. */
  readonly excludeCaches?: boolean;
}

export interface SnapshotStatistics {
  filesRead: number;
  /** Taken over from the previous snapshot without opening them. */
  filesReused: number;
  bytesRead: number;
  bytesReused: number;
  excluded: number;
  /** Deleted between being listed and being read: normal, not a problem. */
  vanished: number;
  newChunks: number;
  newBytes: number;
  newNodes: number;
  sentBytes: number;
}

export interface SnapshotProgress {
  readonly path: Uint8Array;
  readonly totals: Totals;
  readonly statistics: SnapshotStatistics;
}

export interface SnapshotResult {
  readonly manifestHash: Uint8Array;
  readonly manifest: Manifest;
  /** The first 1000. */
  readonly problems: readonly Problem[];
  readonly problemCount: number;
  readonly totals: Totals;
  readonly statistics: SnapshotStatistics;
}
