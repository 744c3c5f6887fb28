import type { AppError } from '#runtime';
import { assert } from '#runtime';
import { protocolViolation } from './link-errors.ts';
import { initialCreditBytes, messageBytesMax, messageCostBytes } from './mux-frames.ts';

// A message is announced before it comes: up to here its whole buffer is made at once, above the buffer follows what came.
const trustedBufferBytes = 1024 * 1024;

interface Partial {
  buffer: Uint8Array;
  readonly messageBytes: number;
  filledBytes: number;
}

interface Waiter {
  readonly resolve: (message: Uint8Array | undefined) => void;
  readonly reject: (error: AppError) => void;
}

/**
 * The receiving half of a channel: fragments become messages, and credit is granted so that what is queued plus what the
 * other end may still send never exceeds the window, plus one message that is still incomplete.
 */
export class IncomingMessages {
  readonly #windowBytes: number;
  readonly #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  /** What the other end may send now, as far as this end knows. */
  #outstandingBytes = initialCreditBytes;
  #partial: Partial | undefined;
  #waiter: Waiter | undefined;
  #ended = false;
  #failure: AppError | undefined;
  #discarding = false;

  constructor(windowBytes: number) {
    assert(windowBytes >= initialCreditBytes, 'a window is at least the initial credit');
    this.#windowBytes = windowBytes;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** The first fragment of a message, which says how long all of it is. */
  first(messageBytes: number, bytes: Uint8Array): void {
    if (this.#partial !== undefined) throw protocolViolation('a message begins inside another');
    if (messageBytes > messageBytesMax) throw protocolViolation('a message is too large');
    if (bytes.length > messageBytes || (bytes.length === 0 && messageBytes > 0)) {
      throw protocolViolation('a fragment does not fit its message');
    }
    this.#spend(bytes.length + messageCostBytes);
    if (bytes.length === messageBytes) {
      this.#complete(bytes);
      return;
    }
    const buffer = Buffer.allocUnsafeSlow(Math.min(messageBytes, Math.max(trustedBufferBytes, bytes.length)));
    buffer.set(bytes);
    this.#partial = { buffer, messageBytes, filledBytes: bytes.length };
  }

  later(bytes: Uint8Array): void {
    const partial = this.#partial;
    if (partial === undefined) throw protocolViolation('a fragment belongs to no message');
    const filledBytes = partial.filledBytes + bytes.length;
    if (bytes.length === 0 || filledBytes > partial.messageBytes) {
      throw protocolViolation('a fragment does not fit its message');
    }
    this.#spend(bytes.length);
    if (filledBytes > partial.buffer.length) {
      const grown = Buffer.allocUnsafeSlow(Math.min(partial.messageBytes, 2 * partial.buffer.length));
      grown.set(partial.buffer.subarray(0, partial.filledBytes));
      partial.buffer = grown;
    }
    partial.buffer.set(bytes, partial.filledBytes);
    partial.filledBytes = filledBytes;
    if (filledBytes < partial.messageBytes) return;
    this.#partial = undefined;
    this.#complete(partial.buffer);
  }

  end(): void {
    if (this.#partial !== undefined) throw protocolViolation('a channel ended inside a message');
    if (this.#ended) throw protocolViolation('a channel ended twice');
    this.#ended = true;
    this.#waiter?.resolve(undefined);
    this.#waiter = undefined;
  }

  /** Drops what is queued; this and every later receive() rejects with `error`. */
  fail(error: AppError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#dropQueue();
    this.#partial = undefined;
    this.#waiter?.reject(error);
    this.#waiter = undefined;
  }

  /** Nobody will call receive() any more: whatever comes is dropped and its credit given back. */
  discard(): void {
    this.#discarding = true;
    this.#dropQueue();
  }

  receive(): Promise<Uint8Array | undefined> {
    assert(this.#waiter === undefined, 'one receive() at a time');
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const message = this.#queue.shift();
    if (message !== undefined) {
      this.#queuedBytes -= message.length + messageCostBytes;
      return Promise.resolve(message);
    }
    if (this.#ended) return Promise.resolve(undefined);
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject };
    });
  }

  /**
   * Credit to grant now, 0 when it is not worth a frame yet. An incomplete message does not count: nobody can consume it,
   * and one larger than the window would wait for ever.
   */
  takeGrant(): number {
    if (this.#ended || this.#failure !== undefined) return 0;
    const grantBytes = this.#windowBytes - this.#queuedBytes - this.#outstandingBytes;
    if (grantBytes < this.#windowBytes / 4) return 0;
    this.#outstandingBytes += grantBytes;
    return grantBytes;
  }

  #spend(bytes: number): void {
    if (this.#ended) throw protocolViolation('a message came after the end');
    if (bytes > this.#outstandingBytes) throw protocolViolation('a channel sent more than its credit');
    this.#outstandingBytes -= bytes;
  }

  #complete(message: Uint8Array): void {
    if (this.#discarding) return;
    if (this.#waiter !== undefined) {
      this.#waiter.resolve(message);
      this.#waiter = undefined;
      return;
    }
    this.#queue.push(message);
    this.#queuedBytes += message.length + messageCostBytes;
  }

  #dropQueue(): void {
    this.#queue.length = 0;
    this.#queuedBytes = 0;
  }
}
