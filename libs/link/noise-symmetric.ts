import { createHash, createHmac } from 'node:crypto';
import { NoiseCipher } from './noise-cipher.ts';

/** HMAC-SHA-256 over the concatenation of `parts`. */
export function hmacSha256(key: Uint8Array, ...parts: readonly Uint8Array[]): Buffer {
  const hmac = createHmac('sha256', key);
  for (const part of parts) hmac.update(part);
  return hmac.digest();
}

/** Noise's SymmetricState with SHA256: the chaining key, the transcript hash and, once there is a key, a cipher. */
export class NoiseSymmetric {
  #chainingKey: Buffer;
  #hash: Buffer;
  #cipher: NoiseCipher | undefined;

  constructor(protocolName: string) {
    const name = Buffer.from(protocolName, 'ascii');
    this.#hash = name.length <= 32 ? Buffer.concat([name], 32) : createHash('sha256').update(name).digest();
    this.#chainingKey = this.#hash;
  }

  get hash(): Uint8Array {
    return new Uint8Array(this.#hash);
  }

  get chainingKey(): Uint8Array {
    return new Uint8Array(this.#chainingKey);
  }

  mixHash(data: Uint8Array): void {
    this.#hash = createHash('sha256').update(this.#hash).update(data).digest();
  }

  mixKey(material: Uint8Array): void {
    const [chainingKey, key] = this.#derive(material);
    this.#chainingKey = chainingKey;
    this.#cipher = new NoiseCipher(key);
  }

  mixKeyAndHash(material: Uint8Array): void {
    const [chainingKey, hashed, key] = this.#derive(material);
    this.#chainingKey = chainingKey;
    this.mixHash(hashed);
    this.#cipher = new NoiseCipher(key);
  }

  /** Appends `plain` to the transcript, sealed as soon as there is a key. */
  encryptAndHash(plain: Uint8Array): Uint8Array {
    const sealed = this.#cipher === undefined ? plain : this.#cipher.encrypt([plain], this.#hash);
    this.mixHash(sealed);
    return sealed;
  }

  decryptAndHash(sealed: Uint8Array): Uint8Array {
    const plain = this.#cipher === undefined ? sealed : this.#cipher.decrypt(sealed, this.#hash);
    this.mixHash(sealed);
    return plain;
  }

  /** The two ciphers of the transport: the initiator's direction first. */
  split(): [NoiseCipher, NoiseCipher] {
    const [initiatorKey, responderKey] = this.#derive(new Uint8Array(0));
    return [new NoiseCipher(initiatorKey), new NoiseCipher(responderKey)];
  }

  get sealing(): boolean {
    return this.#cipher !== undefined;
  }

  #derive(material: Uint8Array): [Buffer, Buffer, Buffer] {
    const temporary = hmacSha256(this.#chainingKey, material);
    const first = hmacSha256(temporary, Uint8Array.of(1));
    const second = hmacSha256(temporary, first, Uint8Array.of(2));
    const third = hmacSha256(temporary, second, Uint8Array.of(3));
    return [first, second, third];
  }
}
