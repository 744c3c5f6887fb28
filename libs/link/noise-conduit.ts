import type { FrameConduit, FrameReceiver } from './frame-conduit.ts';
import { FrameInbox } from './frame-inbox.ts';
import { type NoiseCipher, noiseMessageBytesMax, noiseTagBytes } from './noise-cipher.ts';
import type { NoiseSession } from './noise-handshake.ts';
import type { TcpLine } from './tcp-line.ts';

// 2^20 messages of 64 KiB are 2^32 AES blocks: far inside what one AES-GCM key may seal, and cheap to keep to.
const rekeyAfterMessages = 2 ** 20;

/** Seals each frame into one Noise transport message; both ends change a direction's key after the same message. */
export class NoiseConduit implements FrameConduit {
  readonly frameBytesMax: number;
  readonly overheadBytes: number;
  readonly closed: Promise<string>;
  readonly line: TcpLine | undefined;
  readonly #inner: FrameConduit;
  readonly #session: NoiseSession;
  readonly #rekeyAfterMessages: number;
  readonly #inbox = new FrameInbox();
  #broken = false;

  /** `messageBytesMax`: of Noise messages; smaller ones leave a slow line sooner for the next channel. */
  constructor(
    inner: FrameConduit,
    session: NoiseSession,
    options: { readonly messageBytesMax?: number; readonly rekeyAfterMessages?: number } = {},
  ) {
    this.#inner = inner;
    this.#session = session;
    this.#rekeyAfterMessages = options.rekeyAfterMessages ?? rekeyAfterMessages;
    this.frameBytesMax = Math.min(inner.frameBytesMax, options.messageBytesMax ?? noiseMessageBytesMax) - noiseTagBytes;
    this.overheadBytes = inner.overheadBytes + noiseTagBytes;
    this.closed = inner.closed;
    this.line = inner.line;
  }

  get bytesSent(): number {
    return this.#inner.bytesSent;
  }

  get bytesReceived(): number {
    return this.#inner.bytesReceived;
  }

  attach(receiver: FrameReceiver | undefined): void {
    this.#inbox.attach(receiver);
    this.#inner.attach(
      receiver === undefined
        ? undefined
        : { frame: (sealed) => this.#open(sealed), drain: () => this.#inbox.drained() },
    );
  }

  send(parts: readonly Uint8Array[]): boolean {
    const { send } = this.#session;
    const sealed = send.seal(parts);
    this.#rekeyWhenDue(send);
    return this.#inner.send(sealed);
  }

  close(): void {
    this.#inner.close();
  }

  destroy(why: string): void {
    this.#broken = true;
    this.#inner.destroy(why);
  }

  #open(sealed: Uint8Array): void {
    if (this.#broken) return;
    const { receive } = this.#session;
    let frame: Uint8Array;
    try {
      frame = receive.decrypt(sealed);
    } catch (error) {
      // Nothing after a forged or lost message can be trusted, not even a goodbye.
      this.destroy(error instanceof Error ? error.message : 'a frame does not open');
      return;
    }
    this.#rekeyWhenDue(receive);
    this.#inbox.accept(frame);
  }

  #rekeyWhenDue(cipher: NoiseCipher): void {
    if (cipher.messagesDone % this.#rekeyAfterMessages === 0) cipher.rekey();
  }
}
