import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto';

export interface RawKeyPair {
  readonly publicKey: Uint8Array;
  readonly secretKey: Uint8Array;
}

const empty = Buffer.alloc(0);
const sha256 = (...parts: readonly Uint8Array[]) => createHash('sha256').update(Buffer.concat(parts)).digest();
export const hmac = (key: Uint8Array, ...parts: readonly Uint8Array[]) =>
  createHmac('sha256', key).update(Buffer.concat(parts)).digest();

function hkdf(chainingKey: Uint8Array, input: Uint8Array, outputs: number): Buffer[] {
  const key = hmac(chainingKey, input);
  const made: Buffer[] = [];
  for (let i = 1; i <= outputs; i++) made.push(hmac(key, made.at(-1) ?? empty, Uint8Array.of(i)));
  return made;
}

/** AES-256-GCM with Noise's counter. */
export class RawCipher {
  #key: Uint8Array;
  #count = 0;

  constructor(key: Uint8Array) {
    this.#key = key;
  }

  seal(plain: Uint8Array, associated: Uint8Array = empty): Buffer {
    const cipher = createCipheriv('aes-256-gcm', this.#key, this.#nonce());
    cipher.setAAD(associated);
    return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  }

  open(sealed: Uint8Array, associated: Uint8Array = empty): Buffer {
    const decipher = createDecipheriv('aes-256-gcm', this.#key, this.#nonce());
    decipher.setAAD(associated);
    decipher.setAuthTag(sealed.subarray(-16));
    return Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()]);
  }

  #nonce(): Buffer {
    const nonce = Buffer.alloc(12);
    nonce.writeBigUInt64BE(BigInt(this.#count++), 4);
    return nonce;
  }
}

/** The dialling end of proto/LINK.md section 3, written from the page alone, so that a test can stop or lie anywhere in it. */
export class RawInitiator {
  hash: Buffer;
  #chainingKey: Buffer;
  #cipher: RawCipher | undefined;
  readonly #isDoor: boolean;
  readonly #psk: Uint8Array;
  readonly #own: RawKeyPair;
  readonly #ephemeral = generateKeys();
  #remoteStatic: Uint8Array | undefined;

  constructor(options: {
    readonly isDoor: boolean;
    readonly prologue: Uint8Array;
    readonly psk: Uint8Array;
    readonly own: RawKeyPair;
    readonly remoteStatic?: Uint8Array;
  }) {
    this.hash = Buffer.from(`Noise_${options.isDoor ? 'XXpsk0' : 'IKpsk2'}_25519_AESGCM_SHA256`);
    this.#chainingKey = this.hash;
    this.#isDoor = options.isDoor;
    this.#psk = options.psk;
    this.#own = options.own;
    this.#remoteStatic = options.remoteStatic;
    this.#mixHash(options.prologue);
    if (options.remoteStatic !== undefined) this.#mixHash(options.remoteStatic);
  }

  first(payload: Uint8Array): Buffer {
    if (this.#isDoor) this.#mixPsk();
    const parts = [this.#sendEphemeral()];
    if (!this.#isDoor) {
      this.#mixKey(shared(this.#ephemeral, this.#known()));
      parts.push(this.#seal(this.#own.publicKey));
      this.#mixKey(shared(this.#own, this.#known()));
    }
    parts.push(this.#seal(payload));
    return Buffer.concat(parts);
  }

  /** Takes the answering end's message and returns its payload. */
  second(message: Uint8Array): Buffer {
    const theirEphemeral = message.subarray(0, 32);
    this.#mixHash(theirEphemeral);
    this.#mixKey(theirEphemeral);
    this.#mixKey(shared(this.#ephemeral, theirEphemeral));
    if (!this.#isDoor) {
      this.#mixKey(shared(this.#own, theirEphemeral));
      this.#mixPsk();
      return this.#open(message.subarray(32));
    }
    this.#remoteStatic = this.#open(message.subarray(32, 80));
    this.#mixKey(shared(this.#ephemeral, this.#remoteStatic));
    const payload = this.#open(message.subarray(80));
    this.#third = () => {
      const sealedStatic = this.#seal(this.#own.publicKey);
      this.#mixKey(shared(this.#own, theirEphemeral));
      return sealedStatic;
    };
    return payload;
  }

  #third: (() => Buffer) | undefined;

  third(payload: Uint8Array): Buffer {
    const sealedStatic = this.#third?.() ?? empty;
    return Buffer.concat([sealedStatic, this.#seal(payload)]);
  }

  split(): { readonly send: RawCipher; readonly receive: RawCipher } {
    const [send = empty, receive = empty] = hkdf(this.#chainingKey, empty, 2);
    return { send: new RawCipher(send), receive: new RawCipher(receive) };
  }

  #known(): Uint8Array {
    return this.#remoteStatic ?? empty;
  }

  #sendEphemeral(): Buffer {
    this.#mixHash(this.#ephemeral.publicKey);
    this.#mixKey(this.#ephemeral.publicKey);
    return Buffer.from(this.#ephemeral.publicKey);
  }

  #mixHash(bytes: Uint8Array): void {
    this.hash = sha256(this.hash, bytes);
  }

  #mixKey(input: Uint8Array): void {
    const [chainingKey = empty, key = empty] = hkdf(this.#chainingKey, input, 2);
    this.#chainingKey = chainingKey;
    this.#cipher = new RawCipher(key);
  }

  #mixPsk(): void {
    const [chainingKey = empty, mixed = empty, key = empty] = hkdf(this.#chainingKey, this.#psk, 3);
    this.#chainingKey = chainingKey;
    this.#mixHash(mixed);
    this.#cipher = new RawCipher(key);
  }

  #seal(plain: Uint8Array): Buffer {
    const sealed = this.#cipher?.seal(plain, this.hash) ?? Buffer.from(plain);
    this.#mixHash(sealed);
    return sealed;
  }

  #open(sealed: Uint8Array): Buffer {
    const plain = this.#cipher?.open(sealed, this.hash) ?? Buffer.from(sealed);
    this.#mixHash(sealed);
    return plain;
  }
}

export function generateKeys(): RawKeyPair {
  const { privateKey, publicKey } = generateKeyPairSync('x25519');
  const secretKey = privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(-32);
  return { secretKey, publicKey: publicKey.export({ format: 'der', type: 'spki' }).subarray(-32) };
}

function shared(own: RawKeyPair, theirs: Uint8Array): Buffer {
  return diffieHellman({ privateKey: secret(own.secretKey), publicKey: open(theirs) });
}

function secret(raw: Uint8Array): KeyObject {
  const key = Buffer.concat([Buffer.from('302e020100300506032b656e04220420', 'hex'), raw]);
  return createPrivateKey({ key, format: 'der', type: 'pkcs8' });
}

function open(raw: Uint8Array): KeyObject {
  const key = Buffer.concat([Buffer.from('302a300506032b656e032100', 'hex'), raw]);
  return createPublicKey({ key, format: 'der', type: 'spki' });
}
