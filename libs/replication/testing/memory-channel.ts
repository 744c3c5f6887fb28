import { AppError } from '#runtime';
import { Inbox } from '../inbox.ts';
import type { MessageChannel } from '../ports.ts';

type Item = { readonly message: Uint8Array } | 'end';

class MemoryChannel implements MessageChannel {
  readonly incoming = new Inbox<Item>();
  other: MemoryChannel | undefined;
  /** Sees each message before the other end; throwing cuts the channel. */
  onSend: ((message: Uint8Array) => void) | undefined;
  #ended = false;

  async send(message: Uint8Array): Promise<void> {
    await Promise.resolve();
    this.onSend?.(message);
    this.other?.incoming.push({ message: message.slice() });
  }

  async receive(): Promise<Uint8Array | undefined> {
    if (this.#ended) return undefined;
    const item = await this.incoming.next();
    if (item !== 'end') return item.message;
    this.#ended = true;
    return undefined;
  }

  async end(): Promise<void> {
    this.other?.incoming.push('end');
  }

  abort(error: AppError): void {
    this.other?.incoming.fail(error);
    this.incoming.fail(error);
  }
}

/** Two ends of a channel in memory. */
export function memoryChannelPair(): [MemoryChannel, MemoryChannel] {
  const [a, b] = [new MemoryChannel(), new MemoryChannel()];
  [a.other, b.other] = [b, a];
  return [a, b];
}

/** What a cut line looks like to both ends. */
export function lineCut(): AppError {
  return new AppError('the line was cut', { code: 'link_cut', retryable: true, advice: 'Wait for the link.' });
}
