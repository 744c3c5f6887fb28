import { assert, equalBytes, type Random } from '#runtime';
import { type CheckedMessageType, decodeChecked, encodeChecked, messageType } from './checked-message.ts';
import { BadField, bytesField } from './fields.ts';
import { type SiteId, siteIdBytes, toSiteId } from './ids.ts';
import { KeysError } from './keys-error.ts';
import { type SigningKey, signingKeyOf, signingPublicBytes, signingSeedBytes } from './signing.ts';

/** Who a site is: an id for life, and the key that speaks for it now. Sign with `sign(identity.key, purpose, bytes)`. */
export interface SiteIdentity {
  readonly siteId: SiteId;
  readonly key: SigningKey;
}

const file: CheckedMessageType = {
  type: messageType('Identity'),
  version: 1,
  bytesMax: 1024, // Version 1 has 104 bytes; a newer one that adds a little must still be recognised as newer.
  purpose: 'identity file',
};

/** A new site. */
export function createIdentity(random: Random): SiteIdentity {
  return { siteId: toSiteId(random.bytes(siteIdBytes)), key: signingKeyOf(random.bytes(signingSeedBytes)) };
}

/** The same site with a new key; the catalog entry that says so is signed by the old one. */
export function withNewKey(identity: SiteIdentity, random: Random): SiteIdentity {
  return { siteId: identity.siteId, key: signingKeyOf(random.bytes(signingSeedBytes)) };
}

/** The content of the secret file: keep it at mode 0600, in the state directory and nowhere else. */
export function encodeIdentity(identity: SiteIdentity): Uint8Array {
  assert(identity.siteId.length === siteIdBytes, 'a site id has 16 bytes');
  return encodeChecked(file, {
    site_id: identity.siteId,
    ed25519_seed: identity.key.seed,
    ed25519_public: identity.key.publicKey,
  });
}

/** Reads the secret file. Throws KeysError 'identity_damaged' or 'identity_newer'. */
export function decodeIdentity(bytes: Uint8Array): SiteIdentity {
  const decoded = decodeChecked(file, bytes);
  if ('newer' in decoded) {
    const message = `the identity file has version ${decoded.newer}; this Sitepair reads version ${file.version}`;
    throw new KeysError('identity_newer', message, 'Upgrade Sitepair on this machine to at least what wrote the file.');
  }
  if ('damage' in decoded) throw damaged(decoded.damage);
  try {
    const identity = {
      siteId: toSiteId(bytesField(decoded.fields, 'site_id', siteIdBytes)),
      key: signingKeyOf(bytesField(decoded.fields, 'ed25519_seed', signingSeedBytes)),
    };
    const publicKey = bytesField(decoded.fields, 'ed25519_public', signingPublicBytes);
    if (!equalBytes(publicKey, identity.key.publicKey))
      throw new BadField('public key and seed do not belong together');
    if (!equalBytes(encodeIdentity(identity), bytes)) throw new BadField('not in canonical form');
    return identity;
  } catch (error) {
    if (error instanceof BadField) throw damaged(error.message);
    throw error;
  }
}

function damaged(why: string): KeysError {
  const advice = 'Restore the file from a copy of the state directory, or rebuild the site with its recovery kit.';
  return new KeysError('identity_damaged', `the identity file is damaged: ${why}`, advice);
}
