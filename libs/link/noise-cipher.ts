import { createCipheriv, createDecipheriv } from 'node:crypto';
import { assert } from '#runtime';
import { handshakeFailed } from './link-errors.ts';

/** Bytes that AES-GCM adds to each message. */
export const noiseTagBytes = 16;

/** The largest Noise message, tag included (Noise, section 3). */
export const noiseMessageBytesMax = 65_535;

const emptyBytes = new Uint8Array(0);
const zeros = new Uint8Array(32);

/** Noise's CipherState with AESGCM: a key and a counter that is never reused. One object a direction. */
export class NoiseCipher {
  #key: Uint8Array;
  // Noise counts to 2^64 - 1; a double counts exactly to 2^53, which at a million messages a second is 285 years.
  #nonce = 0;

  constructor(key: Uint8Array) {
    assert(key.length === 32, 'a cipher key has 32 bytes');
    this.#key = key;
  }

  get messagesDone(): number {
    return this.#nonce;
  }

  /** Encrypts the concatenation of `parts` into one new buffer that ends with the tag. */
  encrypt(parts: readonly Uint8Array[], associated: Uint8Array = emptyBytes): Buffer {
    return Buffer.concat(this.seal(parts, associated));
  }

  /** The same in pieces, for who gathers them anyway: joining 64 KiB costs as much as a third of sealing them. */
  seal(parts: readonly Uint8Array[], associated: Uint8Array = emptyBytes): Uint8Array[] {
    const cipher = createCipheriv('aes-256-gcm', this.#key, this.#nextNonce(), { authTagLength: noiseTagBytes });
    if (associated.length > 0) cipher.setAAD(associated);
    const pieces: Uint8Array[] = [];
    for (const part of parts) if (part.length > 0) pieces.push(cipher.update(part));
    cipher.final();
    pieces.push(cipher.getAuthTag());
    return pieces;
  }

  /** The plaintext in a new buffer; throws `handshake_failed` when it was not made with this key at this place. */
  decrypt(message: Uint8Array, associated: Uint8Array = emptyBytes): Buffer {
    if (message.length < noiseTagBytes) throw handshakeFailed('a sealed message is too short to be one');
    const tagStart = message.length - noiseTagBytes;
    const decipher = createDecipheriv('aes-256-gcm', this.#key, this.#nextNonce(), { authTagLength: noiseTagBytes });
    decipher.setAuthTag(message.subarray(tagStart));
    if (associated.length > 0) decipher.setAAD(associated);
    const plain = decipher.update(message.subarray(0, tagStart));
    try {
      decipher.final();
    } catch (cause) {
      throw handshakeFailed('a sealed message does not open', cause);
    }
    return plain;
  }

  /** Noise's Rekey(): the new key is the encryption of zeros under nonce 2^64 - 1; the counter goes on. */
  rekey(): void {
    const cipher = createCipheriv('aes-256-gcm', this.#key, Buffer.from('00000000ffffffffffffffff', 'hex'));
    this.#key = cipher.update(zeros);
    cipher.final();
  }

  #nextNonce(): Buffer {
    assert(this.#nonce < Number.MAX_SAFE_INTEGER, 'a cipher counter is used up');
    const nonce = Buffer.alloc(12);
    nonce.writeUInt32BE(Math.floor(this.#nonce / 2 ** 32), 4);
    nonce.writeUInt32BE(this.#nonce % 2 ** 32, 8);
    this.#nonce += 1;
    return nonce;
  }
}
