import { createPrivateKey, createPublicKey, diffieHellman, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { handshakeFailed } from './link-errors.ts';

/** An X25519 key pair: 32 bytes each. */
export interface KeyPair {
  readonly publicKey: Uint8Array;
  readonly secretKey: Uint8Array;
}

// RFC 8410: what precedes the 32 raw bytes in DER. Importing by it and deriving takes 110 us in node:crypto, of which 40 are
// the scalar multiplication; libsodium's WASM takes 110 for the multiplication alone.
const publicKeyPrefix = Buffer.from('302a300506032b656e032100', 'hex');
const secretKeyPrefix = Buffer.from('302e020100300506032b656e04220420', 'hex');

export function generateKeyPair(): KeyPair {
  const { privateKey } = generateKeyPairSync('x25519');
  const der = privateKey.export({ format: 'der', type: 'pkcs8' });
  return keyPairFromSecret(new Uint8Array(der.subarray(der.length - 32)));
}

/** The pair whose secret half is these 32 bytes. */
export function keyPairFromSecret(secretKey: Uint8Array): KeyPair {
  const der = createPublicKey(importSecret(secretKey)).export({ format: 'der', type: 'spki' });
  return { publicKey: new Uint8Array(der.subarray(der.length - 32)), secretKey };
}

/** The 32 shared bytes; throws `handshake_failed` for a public key of low order, which would make them known to all. */
export function sharedSecret(secretKey: Uint8Array, publicKey: Uint8Array): Uint8Array {
  try {
    return diffieHellman({ privateKey: importSecret(secretKey), publicKey: importPublic(publicKey) });
  } catch (cause) {
    throw handshakeFailed('the other end sent a public key that is none', cause);
  }
}

function importSecret(raw: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([secretKeyPrefix, raw]), format: 'der', type: 'pkcs8' });
}

function importPublic(raw: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([publicKeyPrefix, raw]), format: 'der', type: 'spki' });
}
