export { compareTrees, type TreeComparison } from './compare-trees.ts';
export type { OutgoingFrame, OutgoingNode, SnapshotSink, SnapshotSource } from './ports.ts';
export type { ExistingPolicy, OwnerPolicy, RestoreOptions, RestoreReport } from './restore/restore-options.ts';
export { restoreSnapshot } from './restore/restore-snapshot.ts';
export type {
  PreviousSnapshot,
  SnapshotLabels,
  SnapshotOptions,
  SnapshotProgress,
  SnapshotResult,
  SnapshotStatistics,
  UploadOptions,
} from './take/snapshot-options.ts';
export { type StreamOptions, snapshotStream } from './take/snapshot-stream.ts';
export { takeSnapshot } from './take/take-snapshot.ts';
export { type TarOptions, tarStream } from './tar/tar-stream.ts';
export { type Change, type Difference, diffTrees, type TreeSide } from './tree/diff-trees.ts';
export type { NodeReader } from './tree/directory-reader.ts';
export { entryAt, findPath, readManifest } from './tree/find-entry.ts';
export { listTree, type WalkedEntry, walkEntries } from './tree/walk-entries.ts';
