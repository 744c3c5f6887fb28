import { AppError } from '#runtime';
import { ChannelClosedError, protocolViolation } from './link-errors.ts';
import {
  dataHeaderBytes,
  initialCreditBytes,
  messageBytesMax,
  messageCostBytes,
  moreHeaderBytes,
} from './mux-frames.ts';

interface Waiting {
  readonly message: Uint8Array;
  sentBytes: number;
  readonly resolve: () => void;
  readonly reject: (error: AppError) => void;
}

/** The next piece of what waits to be sent; `first` carries the length of the whole message. */
export type Fragment =
  | { readonly kind: 'first'; readonly messageBytes: number; readonly bytes: Uint8Array }
  | { readonly kind: 'later'; readonly bytes: Uint8Array }
  | { readonly kind: 'end' };

// More credit than this is not a window any more but a bug, or an attempt to overflow a counter.
const creditBytesMax = 2 ** 40;

/** The sending half of a channel: messages in order, cut to fragments within the other end's credit. */
export class OutgoingMessages {
  readonly #waiting: Waiting[] = [];
  #creditBytes = initialCreditBytes;
  #end: 'open' | 'asked' | 'sent' = 'open';
  #failure: AppError | undefined;

  get ended(): boolean {
    return this.#end === 'sent';
  }

  get endAsked(): boolean {
    return this.#end !== 'open';
  }

  get creditBytes(): number {
    return this.#creditBytes;
  }

  send(message: Uint8Array): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(closed(this.#failure));
    if (this.#end !== 'open') return Promise.reject(new ChannelClosedError('a message was sent after the end'));
    if (message.length > messageBytesMax) return Promise.reject(tooLarge(message.length));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ message, sentBytes: 0, resolve, reject });
    });
  }

  end(): void {
    if (this.#end === 'open') this.#end = 'asked';
  }

  grant(creditBytes: number): void {
    this.#creditBytes += creditBytes;
    if (this.#creditBytes > creditBytesMax) throw protocolViolation('a channel was granted too much credit');
  }

  fail(error: AppError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#end = 'sent';
    for (const { reject } of this.#waiting.splice(0)) reject(closed(error));
  }

  /** How large the next fragment's frame would be, 0 when there is none, or no credit for it. */
  nextFrameBytes(frameBytesMax: number): number {
    const [head] = this.#waiting;
    if (head === undefined) return this.#end === 'asked' ? moreHeaderBytes : 0;
    const isFirst = head.sentBytes === 0;
    const headerBytes = isFirst ? dataHeaderBytes : moreHeaderBytes;
    const creditBytes = this.#creditBytes - (isFirst ? messageCostBytes : 0);
    if (creditBytes < 0) return 0;
    const restBytes = head.message.length - head.sentBytes;
    const bytes = Math.min(restBytes, frameBytesMax - headerBytes, creditBytes);
    return bytes === 0 && restBytes > 0 ? 0 : headerBytes + bytes;
  }

  /** Takes that fragment off; the send() of a whole message resolves. */
  take(frameBytesMax: number): Fragment {
    const frameBytes = this.nextFrameBytes(frameBytesMax);
    const [head] = this.#waiting;
    if (head === undefined) {
      this.#end = 'sent';
      return { kind: 'end' };
    }
    const isFirst = head.sentBytes === 0;
    const count = frameBytes - (isFirst ? dataHeaderBytes : moreHeaderBytes);
    const bytes = head.message.subarray(head.sentBytes, head.sentBytes + count);
    head.sentBytes += count;
    this.#creditBytes -= count + (isFirst ? messageCostBytes : 0);
    if (head.sentBytes === head.message.length) {
      this.#waiting.shift();
      head.resolve();
    }
    return isFirst ? { kind: 'first', messageBytes: head.message.length, bytes } : { kind: 'later', bytes };
  }
}

function closed(cause: AppError): ChannelClosedError {
  return new ChannelClosedError(`the channel is closed: ${cause.message}`, cause);
}

function tooLarge(bytes: number): AppError {
  return new AppError(`a message of ${bytes} bytes is larger than a channel takes`, {
    code: 'message_too_large',
    advice: 'Report this: the sender should have cut it into smaller ones.',
    details: { bytes, messageBytesMax },
  });
}
