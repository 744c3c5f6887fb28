export type { Refusal, RefusalReason } from './admission.ts';
export type { Head, Point } from './batch.ts';
export { Catalog, type CatalogOptions, type StreamedBatch } from './catalog.ts';
export type {
  AgentEnrolled,
  AgentRevoked,
  CatalogEntry,
  Coordinates,
  CopyMade,
  CopyWithdrawn,
  CutPoint,
  DatasetCreated,
  EntryKind,
  IncarnationOpened,
  IncarnationStatement,
  KeyRotated,
  KeyringHeld,
  MemberAdded,
  MemberRemoved,
  MemberStatement,
  Moment,
  RealmJoined,
  Role,
  SiteDescribed,
  SnapshotMade,
} from './entries.ts';
export { findSnapshot } from './find-snapshot.ts';
export type { ChainHeads, Scope } from './heads.ts';
export type { Accepted } from './ingest.ts';
export type { NewIncarnation } from './new-incarnation.ts';
export type {
  BodySealer,
  CatalogPurpose,
  KitKey,
  KitSigner,
  KnownSiteKeys,
  SealedBody,
  Signer,
  SiteTrust,
  Verify,
} from './ports.ts';
export type { CatalogProblem } from './problems.ts';
export type { CatalogViews, SnapshotFilter, SnapshotPage } from './queries.ts';
export { decodeMemberStatement, encodeMemberStatement } from './statements.ts';
export { convergeCatalog, type MessageChannel, type SyncOptions, syncCatalog } from './sync.ts';
export type { LogFault, LogVerification } from './verify-logs.ts';
export type {
  AgentView,
  BodyCounts,
  CopyView,
  DatasetView,
  KeyringView,
  MemberView,
  RealmView,
  SiteView,
  SnapshotView,
} from './view-rows.ts';
