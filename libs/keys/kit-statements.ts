import { assert, concatBytes, equalBytes } from '#runtime';
import type { SiteIdentity } from './identity.ts';
import type { KitId, SiteId } from './ids.ts';
import { type KitPublicHalves, kitIdOf } from './kit-id.ts';
import type { RecoveryKit } from './recovery-kit.ts';
import { sign, verify } from './signing.ts';

/** What a site has signed with the identity key it had then. Whether that key speaks for the site, the catalog says. */
export interface SignedBySite {
  readonly kitId: KitId;
  readonly siteId: SiteId;
  readonly siteKey: Uint8Array;
  readonly siteSignature: Uint8Array;
}

/**
 * The public halves of one recovery kit, as the kit of one site: by the word of both. The site's signature says that the
 * kit is one of its own; the kit's, that nobody claims a kit of somebody else.
 */
export interface KeyringKit extends SignedBySite, KitPublicHalves {
  readonly createdSeconds: number;
  readonly kitSignature: Uint8Array;
}

/** A site's word that a kit of its own is void: for good, so that no older version brings it back to life. */
export type KitVoid = SignedBySite;

const kitPurpose = 'recovery kit of a site';
const voidPurpose = 'recovery kit void';

/** What the keyring holds of a kit, signed by the kit and by the site that it belongs to. */
export function endorseKit(kit: RecoveryKit, { siteId, key }: SiteIdentity, createdSeconds: number): KeyringKit {
  assert(Number.isSafeInteger(createdSeconds) && createdSeconds >= 0, 'a time is in whole seconds since 1970');
  const unsigned = {
    kitId: kit.kitId,
    siteId,
    siteKey: key.publicKey,
    x25519Public: kit.x25519.publicKey,
    mlKemPublic: kit.mlKem.publicKey,
    signingPublic: kit.signing.publicKey,
    createdSeconds,
  };
  const statement = kitStatement(unsigned);
  return {
    ...unsigned,
    kitSignature: sign(kit.signing, kitPurpose, statement),
    siteSignature: sign(key, kitPurpose, statement),
  };
}

/** True when kit and site have both signed this entry, and the id is that of its keys. */
export function isSignedKit(kit: KeyringKit): boolean {
  const statement = kitStatement(kit);
  return (
    equalBytes(kit.kitId, kitIdOf(kit)) &&
    verify(kit.signingPublic, kitPurpose, statement, kit.kitSignature) &&
    verify(kit.siteKey, kitPurpose, statement, kit.siteSignature)
  );
}

/** The site's word that its kit `kitId` is void. */
export function voidStatementOf(kitId: KitId, { siteId, key }: SiteIdentity): KitVoid {
  const unsigned = { kitId, siteId, siteKey: key.publicKey };
  return { ...unsigned, siteSignature: sign(key, voidPurpose, voidBytes(unsigned)) };
}

/** True when the site's key has signed it. */
export function isSignedVoid(voided: KitVoid): boolean {
  return verify(voided.siteKey, voidPurpose, voidBytes(voided), voided.siteSignature);
}

function kitStatement(kit: Omit<KeyringKit, 'kitSignature' | 'siteSignature'>): Uint8Array {
  const created = new Uint8Array(8);
  new DataView(created.buffer).setBigUint64(0, BigInt(kit.createdSeconds), true);
  return concatBytes([voidBytes(kit), created, kit.x25519Public, kit.mlKemPublic, kit.signingPublic]);
}

function voidBytes({ kitId, siteId, siteKey }: Omit<SignedBySite, 'siteSignature'>): Uint8Array {
  return concatBytes([kitId, siteId, siteKey]);
}
