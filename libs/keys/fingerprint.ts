import { assert } from '#runtime';
import { encodeBase32 } from './base32.ts';
import { purposeLabel, sha256 } from './hashing.ts';
import { type RealmId, realmIdBytes } from './ids.ts';
import { signingPublicBytes } from './signing.ts';

/** 120 bits: nobody finds a second key with the same fingerprint, and it is still read out over the telephone. */
const fingerprintBytes = 15;
const groupCharacters = 4;

/** Six groups of four characters that two people compare: those of a site's Ed25519 public key. */
export function siteFingerprint(publicKey: Uint8Array): string {
  assert(publicKey.length === signingPublicBytes, 'a public key has 32 bytes');
  return grouped('site fingerprint', publicKey);
}

/** The same for a realm, to tell one organisation's papers from another's. A realm id is no key: this proves nothing. */
export function realmFingerprint(realmId: RealmId): string {
  assert(realmId.length === realmIdBytes, 'a realm id has 16 bytes');
  return grouped('realm fingerprint', realmId);
}

function grouped(purpose: string, bytes: Uint8Array): string {
  const text = encodeBase32(sha256(purposeLabel(purpose), bytes).subarray(0, fingerprintBytes));
  return (text.match(new RegExp(`.{${groupCharacters}}`, 'g')) ?? []).join('-');
}
