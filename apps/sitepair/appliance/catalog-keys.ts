import type { BodySealer, KitSigner, KnownSiteKeys, Signer, SiteTrust } from '#catalog';
import {
  isVoided,
  type Keyring,
  keyringHash,
  type RecoveryKit,
  type SiteIdentity,
  sign,
  xaesOpen,
  xaesSeal,
} from '#keys';
import type { SiteId } from '#model';
import type { KeyBook } from '#records';
import { equalBytes, isAppError, type Random } from '#runtime';
import type { Peer } from './peers.ts';

/** Signs the log with a site's identity key. */
export function signerOf(identity: SiteIdentity): Signer {
  return { publicKey: identity.key.publicKey, sign: (purpose, bytes) => sign(identity.key, purpose, bytes) };
}

/** Signs an incarnation with a recovery kit that was brought to the appliance. */
export function kitSignerOf(kit: RecoveryKit): KitSigner {
  const { publicKey } = kit.signing;
  return { kitId: kit.kitId, publicKey, sign: (purpose, bytes) => sign(kit.signing, purpose, bytes) };
}

/** Seals catalog entries with the realm's current data key, and opens them with any that is held. */
export function realmSealer(book: () => KeyBook, random: Random): BodySealer {
  return {
    seal(plain, associatedData) {
      const { keyId, key } = book().sealingKey;
      const nonce = random.bytes(24);
      return { keyId, nonce, sealed: xaesSeal(key, nonce, plain, associatedData) };
    },
    open({ keyId, nonce, sealed }, associatedData) {
      try {
        return xaesOpen(book().dataKey(keyId), nonce, sealed, associatedData);
      } catch (error) {
        if (isAppError(error, 'key_missing') || isAppError(error, 'seal_broken')) return undefined;
        throw error;
      }
    },
  };
}

/** What this site says of the keyring it holds. */
export function keyringHeldEntry(keyring: Keyring) {
  return {
    kind: 'keyringHeld' as const,
    keyringHash: keyringHash(keyring),
    dataKeyIds: keyring.dataKeys.map((key) => key.keyId),
  };
}

/** Which keys speak for a site: its own identity, what pairing told, and the kits in the keyring. */
export function knownSiteKeys(
  identity: SiteIdentity,
  peers: () => readonly Peer[],
  keyring: () => Keyring,
): KnownSiteKeys {
  return (siteId: SiteId): SiteTrust | undefined => {
    const kits = keyring()
      .kits.filter((kit) => equalBytes(kit.siteId, siteId))
      .map((kit) => ({ kitId: kit.kitId, publicKey: kit.signingPublic, voided: isVoided(keyring(), kit) }));
    const own = equalBytes(identity.siteId, siteId) ? [identity.key.publicKey] : [];
    const paired = peers().filter((peer) => equalBytes(peer.siteId, siteId));
    const pairedKits = paired.map((peer) => ({
      kitId: peer.kitId,
      publicKey: peer.kitPublicKey,
      voided: isVoided(keyring(), peer),
    }));
    const publicKeys = [...own, ...paired.map((peer) => peer.identityKey)];
    return publicKeys.length + kits.length === 0 ? undefined : { publicKeys, kits: [...kits, ...pairedKits] };
  };
}
