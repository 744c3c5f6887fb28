import { assert } from '#runtime';
import { handshakeFailed } from './link-errors.ts';
import { type NoiseCipher, noiseMessageBytesMax, noiseTagBytes } from './noise-cipher.ts';
import { NoiseSymmetric } from './noise-symmetric.ts';
import { generateKeyPair, type KeyPair, sharedSecret } from './x25519.ts';

type Token = 'e' | 's' | 'ee' | 'es' | 'se' | 'ss' | 'psk';

/** The patterns in use. XXpsk3 is here for its published vectors only: they cover the tokens that XXpsk0 has in another order. */
const patterns = {
  XXpsk0: {
    remoteKnown: false,
    messages: [
      ['psk', 'e'],
      ['e', 'ee', 's', 'es'],
      ['s', 'se'],
    ],
  },
  XXpsk3: { remoteKnown: false, messages: [['e'], ['e', 'ee', 's', 'es'], ['s', 'se', 'psk']] },
  IKpsk2: {
    remoteKnown: true,
    messages: [
      ['e', 'es', 's', 'ss'],
      ['e', 'ee', 'se', 'psk'],
    ],
  },
} as const satisfies Record<string, { remoteKnown: boolean; messages: readonly (readonly Token[])[] }>;

export type NoisePattern = keyof typeof patterns;

export interface NoiseHandshakeOptions {
  readonly pattern: NoisePattern;
  /** Both ends must give the same bytes: what was agreed in the clear before. */
  readonly prologue: Uint8Array;
  readonly staticKeyPair: KeyPair;
  /** The responder's static key; the initiator of IKpsk2 must know it. */
  readonly remoteStatic?: Uint8Array;
  /** 32 bytes. */
  readonly psk: Uint8Array;
  /** For published vectors only: a repeated ephemeral key breaks every guarantee. */
  readonly ephemeralForTest?: KeyPair;
}

/** What a finished handshake leaves: one cipher a direction and the hash that names this very session. */
export interface NoiseSession {
  readonly send: NoiseCipher;
  readonly receive: NoiseCipher;
  readonly handshakeHash: Uint8Array;
  /** Secret: what a new pair's PSK is drawn from. */
  readonly chainingKey: Uint8Array;
}

/**
 * Noise's HandshakeState, Noise_*_25519_AESGCM_SHA256 (noiseprotocol.org, revision 34). The two ends call writeMessage and
 * readMessage in turn until `finished`. Any failure throws `handshake_failed` and leaves the object unusable.
 */
export class NoiseHandshake {
  readonly #isInitiator: boolean;
  readonly #options: NoiseHandshakeOptions;
  readonly #symmetric: NoiseSymmetric;
  readonly #messages: readonly (readonly Token[])[];
  #step = 0;
  #ephemeral: KeyPair | undefined;
  #remoteEphemeral: Uint8Array | undefined;
  #remoteStatic: Uint8Array | undefined;

  static initiator(options: NoiseHandshakeOptions): NoiseHandshake {
    return new NoiseHandshake(true, options);
  }

  static responder(options: NoiseHandshakeOptions): NoiseHandshake {
    return new NoiseHandshake(false, options);
  }

  private constructor(isInitiator: boolean, options: NoiseHandshakeOptions) {
    const pattern = patterns[options.pattern];
    assert(options.psk.length === 32, 'a psk has 32 bytes');
    this.#isInitiator = isInitiator;
    this.#options = options;
    this.#messages = pattern.messages;
    this.#symmetric = new NoiseSymmetric(`Noise_${options.pattern}_25519_AESGCM_SHA256`);
    this.#symmetric.mixHash(options.prologue);
    if (!pattern.remoteKnown) return;
    if (isInitiator) {
      assert(options.remoteStatic?.length === 32, "the initiator of IK knows the responder's static key");
      this.#remoteStatic = options.remoteStatic;
    }
    this.#symmetric.mixHash(this.#remoteStatic ?? options.staticKeyPair.publicKey);
  }

  get finished(): boolean {
    return this.#step === this.#messages.length;
  }

  /** The other end's static public key, once it is known and proved by the messages so far. */
  get remoteStatic(): Uint8Array | undefined {
    return this.#remoteStatic;
  }

  writeMessage(payload: Uint8Array): Uint8Array {
    const tokens = this.#nextTokens(this.#isInitiator);
    const parts: Uint8Array[] = [];
    for (const token of tokens) {
      if (token === 'e') {
        this.#ephemeral = this.#options.ephemeralForTest ?? generateKeyPair();
        parts.push(this.#ephemeral.publicKey);
        this.#mixEphemeral(this.#ephemeral.publicKey);
      } else if (token === 's') parts.push(this.#symmetric.encryptAndHash(this.#options.staticKeyPair.publicKey));
      else this.#mixToken(token);
    }
    parts.push(this.#symmetric.encryptAndHash(payload));
    const message = new Uint8Array(Buffer.concat(parts));
    assert(message.length <= noiseMessageBytesMax, 'a handshake message fits into a Noise message');
    return message;
  }

  readMessage(message: Uint8Array): Uint8Array {
    const tokens = this.#nextTokens(!this.#isInitiator);
    let offset = 0;
    const take = (count: number) => {
      if (offset + count > message.length) throw handshakeFailed('a handshake message is too short');
      offset += count;
      return message.subarray(offset - count, offset);
    };
    for (const token of tokens) {
      if (token === 'e') {
        this.#remoteEphemeral = new Uint8Array(take(32));
        this.#mixEphemeral(this.#remoteEphemeral);
      } else if (token === 's') {
        const sealed = take(32 + (this.#symmetric.sealing ? noiseTagBytes : 0));
        this.#remoteStatic = new Uint8Array(this.#symmetric.decryptAndHash(sealed));
      } else this.#mixToken(token);
    }
    return this.#symmetric.decryptAndHash(message.subarray(offset));
  }

  split(): NoiseSession {
    assert(this.finished, 'split comes after the last message');
    const [initiator, responder] = this.#symmetric.split();
    const { hash: handshakeHash, chainingKey } = this.#symmetric;
    return this.#isInitiator
      ? { send: initiator, receive: responder, handshakeHash, chainingKey }
      : { send: responder, receive: initiator, handshakeHash, chainingKey };
  }

  #nextTokens(ours: boolean): readonly Token[] {
    const tokens = this.#messages[this.#step];
    assert(tokens !== undefined && ours === (this.#step % 2 === 0), 'handshake messages alternate');
    this.#step += 1;
    return tokens;
  }

  #mixEphemeral(publicKey: Uint8Array): void {
    this.#symmetric.mixHash(publicKey);
    // With a psk, the ephemeral key is also mixed into the key (Noise, section 9.2): else psk0 would reuse a nonce.
    this.#symmetric.mixKey(publicKey);
  }

  #mixToken(token: Exclude<Token, 'e' | 's'>): void {
    if (token === 'psk') {
      this.#symmetric.mixKeyAndHash(this.#options.psk);
      return;
    }
    const initiatorUsesStatic = token[0] === 's';
    const responderUsesStatic = token[1] === 's';
    const ownStatic = this.#isInitiator ? initiatorUsesStatic : responderUsesStatic;
    const remoteStatic = this.#isInitiator ? responderUsesStatic : initiatorUsesStatic;
    const own = ownStatic ? this.#options.staticKeyPair : this.#ephemeral;
    const remote = remoteStatic ? this.#remoteStatic : this.#remoteEphemeral;
    assert(own !== undefined && remote !== undefined, 'keys come before they are mixed');
    this.#symmetric.mixKey(sharedSecret(own.secretKey, remote));
  }
}
