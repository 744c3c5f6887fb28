import type { KeyId, SiteId } from '#model';

/** What a signature is for; the signed bytes are "sitepair PURPOSE v1", a zero byte, and the bytes. */
export type CatalogPurpose = 'catalog batch' | 'catalog incarnation' | 'catalog member';

/** Signs with an Ed25519 key that stays where it is. */
export interface Signer {
  readonly publicKey: Uint8Array;
  sign(purpose: CatalogPurpose, bytes: Uint8Array): Uint8Array;
}

/** A recovery kit that was brought to the appliance. */
export interface KitSigner extends Signer {
  /** 8 bytes. */
  readonly kitId: Uint8Array;
}

/** Checks an Ed25519 signature; false for wrong sizes, too. */
export type Verify = (
  publicKey: Uint8Array,
  purpose: CatalogPurpose,
  bytes: Uint8Array,
  signature: Uint8Array,
) => boolean;

export interface SealedBody {
  readonly keyId: KeyId;
  /** 24 bytes. */
  readonly nonce: Uint8Array;
  readonly sealed: Uint8Array;
}

/** Seals with the realm's current data key; opens with any that is held. A site without keys does neither. */
export interface BodySealer {
  seal(plain: Uint8Array, aad: Uint8Array): SealedBody | undefined;
  /** Undefined when the key is not held, or the seal is broken. */
  open(body: SealedBody, aad: Uint8Array): Uint8Array | undefined;
}

export interface KitKey {
  readonly kitId: Uint8Array;
  readonly publicKey: Uint8Array;
  /** It opens no incarnation any more: the site has a newer kit, and has opened one with that. */
  readonly voided?: boolean | undefined;
}

/** What pairing and the keyring know of a site; it may grow while the catalog is open. */
export interface SiteTrust {
  readonly publicKeys: readonly Uint8Array[];
  readonly kits: readonly KitKey[];
}

/** The keys and kits of this site, of the peers it is paired with, and of whom the keyring knows; undefined for others. */
export type KnownSiteKeys = (siteId: SiteId) => SiteTrust | undefined;
