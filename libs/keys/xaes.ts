import { createCipheriv, createDecipheriv } from 'node:crypto';
import { assert } from '#runtime';
import { SealError } from './keys-error.ts';

/** Bytes of a key, of a nonce, and what a seal adds to its content. */
export const sealKeyBytes = 32;
export const sealNonceBytes = 24;
export const sealTagBytes = 16;

/** Content is encrypted in pieces of this size: they stay in the processor's cache and leave no large garbage. */
const pieceBytes = 64 * 1024;

/** Node's ciphers take at most 2^31 - 1 bytes; records are below 16 MiB, tape catalogs below 1 GiB. */
const plaintextBytesMax = 2 ** 31 - 1 - sealTagBytes;

const noBytes = new Uint8Array(0);

/**
 * Seals with XAES-256-GCM (c2sp.org/XAES-256-GCM) into a new array: ciphertext, then the 16-byte tag. A 24-byte nonce
 * may be drawn at random 2^80 times under one key.
 */
export function xaesSeal(
  key: Uint8Array,
  nonce: Uint8Array,
  plaintext: Uint8Array,
  associatedData: Uint8Array = noBytes,
): Uint8Array {
  const output = new Uint8Array(plaintext.length + sealTagBytes);
  xaesSealInto(key, nonce, plaintext, associatedData, output, 0);
  return output;
}

/**
 * Like xaesSeal, written to `output` from `offset` on, where a record is being built. Returns the count of bytes
 * written: plaintext + 16. `output` may not overlap the plaintext.
 */
export function xaesSealInto(
  key: Uint8Array,
  nonce: Uint8Array,
  plaintext: Uint8Array,
  associatedData: Uint8Array,
  output: Uint8Array,
  offset: number,
): number {
  assert(plaintext.length <= plaintextBytesMax, 'too much to seal at once');
  const written = plaintext.length + sealTagBytes;
  assert(offset >= 0 && offset + written <= output.length, 'no room for a seal');
  const derived = deriveKey(key, nonce);
  const cipher = createCipheriv('aes-256-gcm', derived, nonce.subarray(12), { authTagLength: sealTagBytes });
  derived.fill(0);
  cipher.setAAD(associatedData);
  for (let done = 0; done < plaintext.length; done += pieceBytes) {
    output.set(cipher.update(plaintext.subarray(done, done + pieceBytes)), offset + done);
  }
  cipher.final();
  output.set(cipher.getAuthTag(), offset + plaintext.length);
  return written;
}

/**
 * Opens what xaesSeal made. Throws SealError ('seal_broken') when key, nonce, associated data or any bit is another;
 * nothing of the content is given out then.
 */
export function xaesOpen(
  key: Uint8Array,
  nonce: Uint8Array,
  sealed: Uint8Array,
  associatedData: Uint8Array = noBytes,
): Uint8Array {
  if (sealed.length < sealTagBytes) throw new SealError(`a seal has at least ${sealTagBytes} bytes`);
  const derived = deriveKey(key, nonce);
  const decipher = createDecipheriv('aes-256-gcm', derived, nonce.subarray(12), { authTagLength: sealTagBytes });
  derived.fill(0);
  decipher.setAAD(associatedData);
  decipher.setAuthTag(sealed.subarray(sealed.length - sealTagBytes));
  const opened = decipher.update(sealed.subarray(0, sealed.length - sealTagBytes));
  try {
    decipher.final();
  } catch (cause) {
    throw new SealError('the seal does not match its content', cause);
  }
  return new Uint8Array(opened.buffer, opened.byteOffset, opened.length);
}

/** The AES-256-GCM key for this nonce: two blocks of CMAC in counter mode (NIST SP 800-108r1), as XAES has it. */
function deriveKey(key: Uint8Array, nonce: Uint8Array): Uint8Array {
  assert(key.length === sealKeyBytes, 'a sealing key has 32 bytes');
  assert(nonce.length === sealNonceBytes, 'a sealing nonce has 24 bytes');
  const aes = createCipheriv('aes-256-ecb', key, null).setAutoPadding(false);
  const subkey = doubled(aes.update(new Uint8Array(16)));
  const blocks = new Uint8Array(32);
  for (const counter of [1, 2]) {
    const at = (counter - 1) * 16;
    blocks.set([0, counter, 0x58, 0], at); // 16-bit counter, the label 'X', a zero byte.
    blocks.set(nonce.subarray(0, 12), at + 4);
    for (let i = 0; i < 16; i++) blocks[at + i]! ^= subkey[i]!;
  }
  return aes.update(blocks);
}

/** Twice `block` in GF(2^128), big-endian, as CMAC makes its first subkey; the same steps whatever the top bit is. */
function doubled(block: Uint8Array): Uint8Array {
  const result = new Uint8Array(16);
  for (let i = 0; i < 16; i++) result[i] = (block[i]! << 1) | ((block[i + 1] ?? 0) >> 7);
  result[15]! ^= (block[0]! >> 7) * 0x87;
  return result;
}
