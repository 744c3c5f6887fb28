import {
  createPrivateKey,
  createPublicKey,
  decapsulate,
  diffieHellman,
  encapsulate,
  type KeyObject,
} from 'node:crypto';
import { KeysError } from './keys-error.ts';

/** Bytes of an ML-KEM-768 seed (d ‖ z) and ciphertext: FIPS 203. */
export const mlKemSeedBytes = 64;
export const mlKemCiphertextBytes = 1088;
export const x25519Bytes = 32;

/** The public half of an X25519 secret of 32 bytes (clamped by the algorithm). */
export function x25519PublicOf(secret: Uint8Array): Uint8Array {
  return rawPublic(x25519Private(secret));
}

/** The shared secret. Throws KeysError 'public_key_bad' on a point of small order, which would make it known to all. */
export function x25519Shared(secret: Uint8Array, publicKey: Uint8Array): Uint8Array {
  try {
    const other = createPublicKey({ key: publicKey, format: 'raw-public', asymmetricKeyType: 'x25519' });
    return new Uint8Array(diffieHellman({ privateKey: x25519Private(secret), publicKey: other }));
  } catch (cause) {
    throw badKey('X25519', cause);
  }
}

/** The public half, 1184 bytes, of an ML-KEM-768 seed. */
export function mlKemPublicOf(seed: Uint8Array): Uint8Array {
  return rawPublic(mlKemPrivate(seed));
}

/** A fresh shared secret for the owner of `publicKey`; Node draws the chance itself. Throws 'public_key_bad'. */
export function mlKemEncapsulate(publicKey: Uint8Array): {
  readonly shared: Uint8Array;
  readonly ciphertext: Uint8Array;
} {
  try {
    const key = createPublicKey({ key: publicKey, format: 'raw-public', asymmetricKeyType: 'ml-kem-768' });
    const { sharedKey, ciphertext } = encapsulate(key);
    return { shared: new Uint8Array(sharedKey), ciphertext: new Uint8Array(ciphertext) };
  } catch (cause) {
    throw badKey('ML-KEM-768', cause);
  }
}

/** The shared secret in `ciphertext`; for a wrong one another secret and no error, as ML-KEM is made. */
export function mlKemDecapsulate(seed: Uint8Array, ciphertext: Uint8Array): Uint8Array {
  return new Uint8Array(decapsulate(mlKemPrivate(seed), ciphertext));
}

function x25519Private(secret: Uint8Array): KeyObject {
  return createPrivateKey({ key: secret, format: 'raw-private', asymmetricKeyType: 'x25519' });
}

function mlKemPrivate(seed: Uint8Array): KeyObject {
  return createPrivateKey({ key: seed, format: 'raw-seed', asymmetricKeyType: 'ml-kem-768' });
}

function rawPublic(secret: KeyObject): Uint8Array {
  return new Uint8Array(createPublicKey(secret).export({ format: 'raw-public' }));
}

function badKey(what: string, cause: unknown): KeysError {
  const advice = 'Void the kit that has this key, and make a new one.';
  return new KeysError('public_key_bad', `not an ${what} public key`, advice, { cause });
}
