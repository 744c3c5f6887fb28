import type { DatasetId, DomainId, KeyId, RealmId, RecordId, SiteId, SnapshotId, Totals } from '#model';
import type { Coordinates, Moment, Role } from './entries.ts';

/** A site as it describes itself. */
export interface SiteView {
  readonly siteId: SiteId;
  readonly name: string;
  readonly addressText: string;
  readonly coordinates: Coordinates | undefined;
  readonly addresses: readonly string[];
}

/** A dataset; name, host and paths are undefined where they cannot be read. */
export interface DatasetView {
  readonly siteId: SiteId;
  readonly datasetId: DatasetId;
  readonly domainId: DomainId;
  readonly name: string | undefined;
  readonly host: string | undefined;
  readonly paths: readonly Uint8Array[];
  /** It stands only in batches that no longer count. */
  readonly superseded: boolean;
}

/** A snapshot; what is sealed is undefined where it cannot be read. */
export interface SnapshotView {
  readonly siteId: SiteId;
  readonly snapshotId: SnapshotId;
  readonly datasetId: DatasetId;
  readonly domainId: DomainId;
  readonly rootId: RecordId;
  /** Seconds since 1970; 0: no lock. */
  readonly lockSeconds: number;
  readonly started: Moment | undefined;
  readonly finished: Moment | undefined;
  readonly totals: Totals | undefined;
  readonly host: string | undefined;
  /** It stands only in batches that no longer count: it is held, but nobody vouches for it any more. */
  readonly superseded: boolean;
}

/** "This snapshot is complete at this site." */
export interface CopyView {
  readonly siteId: SiteId;
  readonly snapshotId: SnapshotId;
  readonly ownerSiteId: SiteId;
  readonly where: string;
  readonly proved: Moment;
}

export interface AgentView {
  readonly siteId: SiteId;
  readonly publicKey: Uint8Array;
  /** Undefined when only its revocation is known. */
  readonly name: string | undefined;
  readonly datasetNames: readonly string[];
  readonly revoked: boolean;
}

/** Which keyring a site says it holds. */
export interface KeyringView {
  readonly siteId: SiteId;
  readonly keyringHash: Uint8Array;
  readonly dataKeyIds: readonly KeyId[];
}

export interface RealmView {
  readonly siteId: SiteId;
  readonly realmId: RealmId;
  readonly formerRealmId: RealmId;
}

/** A site of the realm. */
export interface MemberView {
  readonly siteId: SiteId;
  readonly role: Role;
  /** As the adding site called it; undefined for this site, and where it cannot be read. */
  readonly name: string | undefined;
  readonly publicKey: Uint8Array | undefined;
}

/** A membership statement that counts, with what its author had seen. */
export interface StatementRow {
  readonly type: 'add' | 'remove';
  readonly authorId: SiteId;
  readonly targetId: SiteId;
  readonly role: Role;
  readonly name: string | undefined;
  readonly publicKey: Uint8Array | undefined;
  readonly chainKey: string;
  readonly seq: number;
  /** Chain key -> highest seq seen. */
  readonly seen: ReadonlyMap<string, number>;
}

/** Bodies of one site that gave no entry. */
export interface BodyCounts {
  /** By kind number: kinds of a later version. */
  readonly unknown: ReadonlyMap<number, number>;
  /** Their key is not held. */
  readonly sealed: number;
  readonly malformed: number;
}
