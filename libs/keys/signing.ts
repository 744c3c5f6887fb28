import sodium from 'libsodium-wrappers';
import { assert, concatBytes } from '#runtime';
import { purposeLabel } from './hashing.ts';
import { KeysError } from './keys-error.ts';

// The library is WebAssembly that compiles on load; nobody who imports this one has to wait for it again.
await sodium.ready;

export const signatureBytes = 64;
export const signingPublicBytes = 32;
export const signingSeedBytes = 32;

/** An Ed25519 key pair (RFC 8032); the seed is the secret. */
export interface SigningKey {
  readonly publicKey: Uint8Array;
  readonly seed: Uint8Array;
}

/** An X25519 key pair for handshakes (RFC 7748). */
export interface HandshakeKey {
  readonly publicKey: Uint8Array;
  readonly secretKey: Uint8Array;
}

/** The key pair of a 32-byte seed. */
export function signingKeyOf(seed: Uint8Array): SigningKey {
  assert(seed.length === signingSeedBytes, 'a signing seed has 32 bytes');
  return { publicKey: sodium.crypto_sign_seed_keypair(seed).publicKey, seed: seed.slice() };
}

/** Signs `bytes` for one purpose ("log batch", say): a signature for another purpose never passes. 64 bytes. */
export function sign(key: SigningKey, purpose: string, bytes: Uint8Array): Uint8Array {
  const secretKey = concatBytes([key.seed, key.publicKey]);
  return sodium.crypto_sign_detached(concatBytes([purposeLabel(purpose), bytes]), secretKey);
}

/** True when `signature` is that of the owner of `publicKey` over `bytes` for this purpose. False for wrong sizes, too. */
export function verify(publicKey: Uint8Array, purpose: string, bytes: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== signingPublicBytes || signature.length !== signatureBytes) return false;
  return sodium.crypto_sign_verify_detached(signature, concatBytes([purposeLabel(purpose), bytes]), publicKey);
}

/** The X25519 form of a signing key. */
export function handshakeKeyOf(key: SigningKey): HandshakeKey {
  return {
    publicKey: handshakePublicOf(key.publicKey),
    secretKey: sodium.crypto_sign_ed25519_sk_to_curve25519(concatBytes([key.seed, key.publicKey])),
  };
}

/** The X25519 form of an Ed25519 public key; throws KeysError 'public_key_bad' when it is none (size, point, small order). */
export function handshakePublicOf(publicKey: Uint8Array): Uint8Array {
  try {
    return sodium.crypto_sign_ed25519_pk_to_curve25519(publicKey);
  } catch (cause) {
    const advice = 'Ask the other site for its key again: this one was damaged or made up.';
    throw new KeysError('public_key_bad', 'not an Ed25519 public key', advice, { cause });
  }
}
