import type { ContentHash, DomainId, KeyId, RealmId, SiteId } from '#model';
import { assert } from '#runtime';

export type { ContentHash, DomainId, RealmId, RecordId, SiteId } from '#model';
/** Names a data key. */
export type DataKeyId = KeyId;
/** The name of a recovery kit: the first 8 bytes of SHA-256 of its public halves. */
export type KitId = Uint8Array & { readonly brand: 'KitId' };

/** Sizes in bytes. 16 random bytes never collide; 8 are enough for the few thousand entries that one keyring may hold. */
export const siteIdBytes = 16;
export const realmIdBytes = 16;
export const domainIdBytes = 8;
export const dataKeyIdBytes = 8;
export const kitIdBytes = 8;
export const contentHashBytes = 32;
export const recordIdBytes = 20;

/** Brands 16 bytes of our own as a site id. Input from outside is checked by who decodes it. */
export function toSiteId(bytes: Uint8Array): SiteId {
  assert(bytes.length === siteIdBytes, 'a site id has 16 bytes');
  return bytes as SiteId;
}

/** Brands 16 bytes of our own as a realm id. */
export function toRealmId(bytes: Uint8Array): RealmId {
  assert(bytes.length === realmIdBytes, 'a realm id has 16 bytes');
  return bytes as RealmId;
}

/** Brands 8 bytes of our own as a domain id. */
export function toDomainId(bytes: Uint8Array): DomainId {
  assert(bytes.length === domainIdBytes, 'a domain id has 8 bytes');
  return bytes as DomainId;
}

/** Brands 8 bytes of our own as a data key id. */
export function toDataKeyId(bytes: Uint8Array): DataKeyId {
  assert(bytes.length === dataKeyIdBytes, 'a data key id has 8 bytes');
  return bytes as DataKeyId;
}

/** Brands 8 bytes of our own as a kit id. */
export function toKitId(bytes: Uint8Array): KitId {
  assert(bytes.length === kitIdBytes, 'a kit id has 8 bytes');
  return bytes as KitId;
}

/** Brands 32 bytes of our own as a content hash. */
export function toContentHash(bytes: Uint8Array): ContentHash {
  assert(bytes.length === contentHashBytes, 'a content hash has 32 bytes');
  return bytes as ContentHash;
}
