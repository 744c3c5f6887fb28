export { carriedForbidden } from './carried/carried-errors.ts';
export { type CarriedExportResult, diskName, exportCarried } from './carried/carried-export.ts';
export { CarriedFolder, checkCarriedFolder, namesIn, packsFolder } from './carried/carried-folder.ts';
export { type CarriedReceiver, importCarried } from './carried/carried-import.ts';
export { decodeLabel, decodeManifest, signLabel, signManifest } from './carried/carried-manifest.ts';
export { type CarriedJob, PlaceSet } from './carried/carried-plan.ts';
export { type FetchPurpose, fetchRecords, serveFetches } from './fetch-records.ts';
export type { FetchFromPeers } from './find-content.ts';
export { checkOf, contentsOf, decodeBodies, encodeBodies, type PackedBody } from './packed-bodies.ts';
export type { MessageChannel, RecordPlace, RecordStore } from './ports.ts';
export { ProgressWatch } from './progress-watch.ts';
export { missingFrom } from './prove-closure.ts';
export { ReadSource } from './read-source.ts';
export {
  type CopyBook,
  isPassing,
  type OfferedSnapshot,
  type ReceiverOptions,
  SnapshotReceiver,
} from './receive-snapshots.ts';
export { receiveUpload, type UploadOptions, type UploadTarget } from './receive-upload.ts';
export { type ReplicationJob, type ReplicationOutcome, replicateSnapshot } from './replicate-snapshot.ts';
export type { PeerChannels, SenderPorts } from './sender-session.ts';
export { type ReadOptions, serveReads } from './serve-reads.ts';
export { UploadSink } from './upload-sink.ts';
export { VisibleIds } from './visible-ids.ts';
export type { ClosureStep, NeededRecord } from './walk-closure.ts';
export { WireDecoder } from './wire-decoder.ts';
export type { PackingPort, Savings } from './wire-encoder.ts';
export { type PackedRecords, packedMessage } from './wire-message.ts';
