import { timingSafeEqual } from 'node:crypto';
import { assert, type Random } from '#runtime';
import { hkdfSha256, hmacSha256, purposeLabel, sha256 } from './hashing.ts';
import { wordsOf } from './kit-words.ts';

/** Bytes of an invitation's secret, of a pair's PSK and of a door key; each is the psk of a Noise handshake. */
const pairSecretBytes = 32;
export const pairHintBytes = 8;
export const hintMacBytes = 16;

/** The one-time secret of an invitation. */
export function invitationSecret(random: Random): Uint8Array {
  return random.bytes(pairSecretBytes);
}

/**
 * The PSK of a new pair, the same at both ends: drawn from a handshake's final chaining key (secret, 32 bytes) and
 * handshake hash (32 bytes). The invitation's secret is forgotten after it.
 */
export function pairSecret(chainingKey: Uint8Array, handshakeHash: Uint8Array): Uint8Array {
  assert(chainingKey.length === 32 && handshakeHash.length === 32, 'Noise with SHA256 has both in 32 bytes');
  return hkdfSha256(chainingKey, handshakeHash, purposeLabel('pair secret'), pairSecretBytes);
}

/** Six words of the BIP39 list (66 bits) that both admins compare: equal when nobody sits between the two. */
export function sixWords(handshakeHash: Uint8Array): string[] {
  assert(handshakeHash.length === 32, 'a handshake hash has 32 bytes');
  return wordsOf(sha256(purposeLabel('six words'), handshakeHash), 6);
}

/** The 8 bytes by which an appliance finds the pair that a first message claims to be from. */
export function pairHint(psk: Uint8Array): Uint8Array {
  return keyed(psk, 'pair hint', new Uint8Array(0)).subarray(0, pairHintBytes);
}

/** The 16 bytes that come with the hint: only who knows the psk makes them for `bytes`. */
export function hintMac(psk: Uint8Array, bytes: Uint8Array): Uint8Array {
  return keyed(psk, 'hint mac', bytes).subarray(0, hintMacBytes);
}

/** True when `mac` is hintMac(psk, bytes); takes the same time wherever they differ. */
export function hintMacMatches(psk: Uint8Array, bytes: Uint8Array, mac: Uint8Array): boolean {
  return mac.length === hintMacBytes && timingSafeEqual(hintMac(psk, bytes), mac);
}

function keyed(psk: Uint8Array, purpose: string, bytes: Uint8Array): Uint8Array {
  assert(psk.length === pairSecretBytes, 'a psk has 32 bytes');
  return hmacSha256(psk, purposeLabel(purpose), bytes);
}
