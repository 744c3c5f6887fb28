import { AppError, toHex } from '#runtime';

/** 16 random bytes: a site for life. */
export type SiteId = Uint8Array & { readonly brand: 'SiteId' };
/** 16 random bytes: the sites that trust each other with their keys. */
export type RealmId = Uint8Array & { readonly brand: 'RealmId' };
/** 16 random bytes: opaque to outsiders. */
export type DatasetId = Uint8Array & { readonly brand: 'DatasetId' };
/** 16 random bytes: one life of a site's log. */
export type IncarnationId = Uint8Array & { readonly brand: 'IncarnationId' };
/** 16 random bytes. */
export type PackId = Uint8Array & { readonly brand: 'PackId' };
/** 16 random bytes: one upload or one replication. */
export type SessionId = Uint8Array & { readonly brand: 'SessionId' };
/** 8 random bytes: an id key and a chunker key. */
export type DomainId = Uint8Array & { readonly brand: 'DomainId' };
/** 8 random bytes: names a data key. */
export type KeyId = Uint8Array & { readonly brand: 'KeyId' };
/** SHA-256 (32 bytes) of a chunk's content or of a node's payload. Never leaves a seal. */
export type ContentHash = Uint8Array & { readonly brand: 'ContentHash' };
/** 20 bytes: the keyed name of a chunk or node, the one that outsiders see. */
export type RecordId = Uint8Array & { readonly brand: 'RecordId' };
/** The record id of a snapshot's manifest node names the snapshot. */
export type SnapshotId = RecordId & { readonly role: 'SnapshotId' };

export const idLengths = {
  SiteId: 16,
  RealmId: 16,
  DatasetId: 16,
  IncarnationId: 16,
  PackId: 16,
  SessionId: 16,
  DomainId: 8,
  KeyId: 8,
  ContentHash: 32,
  RecordId: 20,
  SnapshotId: 20,
} as const;

interface Brands {
  SiteId: SiteId;
  RealmId: RealmId;
  DatasetId: DatasetId;
  IncarnationId: IncarnationId;
  PackId: PackId;
  SessionId: SessionId;
  DomainId: DomainId;
  KeyId: KeyId;
  ContentHash: ContentHash;
  RecordId: RecordId;
  SnapshotId: SnapshotId;
}

/** Takes bytes from outside for an id of this kind; refuses another length (code `malformed_id`). No copy is made. */
export function asId<K extends keyof Brands>(kind: K, bytes: Uint8Array): Brands[K] {
  if (bytes.length !== idLengths[kind]) {
    throw new AppError(`a ${kind} has ${idLengths[kind]} bytes, not ${bytes.length}`, {
      code: 'malformed_id',
      advice: 'The data or the other end is damaged or of another version: check both versions with --version.',
    });
  }
  return bytes as Brands[K];
}

/** Splits `bytes` into ids of one kind that lie one after the other; refuses a rest. Views, not copies. */
export function splitIds<K extends keyof Brands>(kind: K, bytes: Uint8Array): Brands[K][] {
  const length = idLengths[kind];
  const ids: Brands[K][] = [];
  for (let at = 0; at < bytes.length; at += length) ids.push(asId(kind, bytes.subarray(at, at + length)));
  return ids;
}

/** First 10 hexadecimal digits: how ids are shown to people. */
export function shortId(id: Uint8Array): string {
  return toHex(id).slice(0, 10);
}
