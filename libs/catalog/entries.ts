import type { DatasetId, DomainId, IncarnationId, KeyId, RealmId, RecordId, SiteId, SnapshotId, Totals } from '#model';

/** A time on somebody's clock: seconds since 1970 and nanoseconds. */
export interface Moment {
  readonly seconds: number;
  readonly nanos: number;
}

export interface Coordinates {
  /** Degrees, north and east positive. */
  readonly latitude: number;
  readonly longitude: number;
}

export type Role = 'full' | 'blind';

/** How this site wants to be known. The newest one counts. */
export interface SiteDescribed {
  readonly kind: 'siteDescribed';
  readonly name: string;
  readonly addressText: string;
  readonly coordinates: Coordinates | undefined;
  /** HOST:PORT each. */
  readonly addresses: readonly string[];
}

/** The last batch of an earlier incarnation that still counts. */
export interface CutPoint {
  readonly incarnationId: IncarnationId;
  readonly seq: number;
  readonly hash: Uint8Array;
}

/** What the kit or the key before signs when a log starts; its hash is the incarnation's id. */
export interface IncarnationStatement {
  readonly siteId: SiteId;
  /** 16 random bytes. */
  readonly nonce: Uint8Array;
  readonly number: number;
  readonly publicKey: Uint8Array;
  readonly cut: CutPoint | undefined;
  /** 8 bytes; empty when no kit signed. */
  readonly kitId: Uint8Array;
  /** The site's disks are what they were at the cut: what it claimed about copies on them stands. */
  readonly keepsCopies?: boolean;
}

/** The first entry of an incarnation; only openIncarnation writes it. */
export interface IncarnationOpened {
  readonly kind: 'incarnationOpened';
  /** Encoded IncarnationStatement: the bytes that are signed. */
  readonly statement: Uint8Array;
  readonly kitSignature: Uint8Array;
  readonly previousSignature: Uint8Array;
}

/** What a newcomer countersigns. */
export interface MemberStatement {
  readonly realmId: RealmId;
  readonly bySiteId: SiteId;
  readonly siteId: SiteId;
  readonly publicKey: Uint8Array;
  readonly kitId: Uint8Array;
  readonly kitPublicKey: Uint8Array;
  readonly role: Role;
}

/** Each end of a new pair logs the other. */
export interface MemberAdded {
  readonly kind: 'memberAdded';
  /** Encoded MemberStatement: the bytes that are countersigned. */
  readonly statement: Uint8Array;
  readonly countersignature: Uint8Array;
  /** Undefined where it cannot be read. */
  readonly name: string | undefined;
}

/** Final: a removed site can only come back under another id. */
export interface MemberRemoved {
  readonly kind: 'memberRemoved';
  readonly siteId: SiteId;
  readonly reason: string | undefined;
}

export interface KeyringHeld {
  readonly kind: 'keyringHeld';
  readonly keyringHash: Uint8Array;
  readonly dataKeyIds: readonly KeyId[];
}

export interface DatasetCreated {
  readonly kind: 'datasetCreated';
  readonly datasetId: DatasetId;
  readonly domainId: DomainId;
  readonly name: string;
  readonly host: string;
  readonly paths: readonly Uint8Array[];
}

export interface SnapshotMade {
  readonly kind: 'snapshotMade';
  readonly snapshotId: SnapshotId;
  readonly datasetId: DatasetId;
  readonly domainId: DomainId;
  readonly rootId: RecordId;
  /** Nobody deletes it before this second since 1970; 0: no lock. */
  readonly lockSeconds: number;
  readonly started: Moment;
  readonly finished: Moment;
  readonly totals: Totals;
  readonly host: string;
}

/** "This snapshot is complete here." Making a snapshot does not claim a copy: the maker logs both. */
export interface CopyMade {
  readonly kind: 'copyMade';
  readonly snapshotId: SnapshotId;
  readonly ownerSiteId: SiteId;
  /** 'store', or the name of a target or medium. */
  readonly where: string;
  readonly proved: Moment;
}

export interface CopyWithdrawn {
  readonly kind: 'copyWithdrawn';
  readonly snapshotId: SnapshotId;
  readonly where: string;
  readonly reason: string;
}

export interface AgentEnrolled {
  readonly kind: 'agentEnrolled';
  readonly name: string;
  readonly publicKey: Uint8Array;
  readonly datasetNames: readonly string[];
}

export interface AgentRevoked {
  readonly kind: 'agentRevoked';
  readonly publicKey: Uint8Array;
}

export interface KeyRotated {
  readonly kind: 'keyRotated';
  readonly keyId: KeyId;
}

export interface RealmJoined {
  readonly kind: 'realmJoined';
  readonly realmId: RealmId;
  readonly formerRealmId: RealmId;
}

/** One statement of a site's log. */
export type CatalogEntry =
  | SiteDescribed
  | IncarnationOpened
  | MemberAdded
  | MemberRemoved
  | KeyringHeld
  | DatasetCreated
  | SnapshotMade
  | CopyMade
  | CopyWithdrawn
  | AgentEnrolled
  | AgentRevoked
  | KeyRotated
  | RealmJoined;

export type EntryKind = CatalogEntry['kind'];

/** The number of each kind on disk; never used again for another. */
export const kindNumbers: Readonly<Record<EntryKind, number>> = {
  siteDescribed: 1,
  incarnationOpened: 2,
  memberAdded: 3,
  memberRemoved: 4,
  keyringHeld: 5,
  datasetCreated: 6,
  snapshotMade: 7,
  copyMade: 8,
  copyWithdrawn: 9,
  agentEnrolled: 10,
  agentRevoked: 11,
  keyRotated: 12,
  realmJoined: 13,
};
