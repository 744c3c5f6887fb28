export type { OutgoingFrame, OutgoingNode, SnapshotSink, SnapshotSource } from './ports.ts';
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
