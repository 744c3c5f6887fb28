import type { MessageChannel } from '#replication';
import { AppError } from '#runtime';

/** One end of a channel in memory, which notes what it sends. */
class MemoryChannel implements MessageChannel {
  readonly sent: Uint8Array[] = [];
  other: MemoryChannel | undefined;
  readonly #incoming: (Uint8Array | undefined)[] = [];
  #failure: AppError | undefined;
  #wake: (() => void) | undefined;

  async send(message: Uint8Array): Promise<void> {
    this.sent.push(new Uint8Array(message));
    this.other?.arrive(new Uint8Array(message));
    await Promise.resolve();
  }

  arrive(message: Uint8Array | undefined): void {
    this.#incoming.push(message);
    this.#wake?.();
  }

  async receive(): Promise<Uint8Array | undefined> {
    while (this.#incoming.length === 0) {
      if (this.#failure !== undefined) throw this.#failure;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#incoming.shift();
  }

  async end(): Promise<void> {
    this.other?.arrive(undefined);
  }

  abort(error: AppError): void {
    for (const channel of [this, this.other]) {
      if (channel === undefined) continue;
      channel.#failure ??= error;
      channel.#wake?.();
    }
  }
}

/** Two ends that lead to each other; what each has sent can be read afterwards. */
export function channelPair(): readonly [MemoryChannel, MemoryChannel] {
  const [a, b] = [new MemoryChannel(), new MemoryChannel()];
  [a.other, b.other] = [b, a];
  return [a, b];
}

/**
 * The other end as an attacker: it says these messages, whatever it hears, and then ends. What it is told is counted and
 * forgotten.
 */
export class ScriptedChannel implements MessageChannel {
  heardBytes = 0;
  readonly #script: (Uint8Array | undefined)[];
  #aborted: AppError | undefined;

  /** `cut`: the channel breaks at the end of the script instead of ending cleanly. */
  constructor(script: readonly Uint8Array[], cut = false) {
    this.#script = [...script];
    if (cut) this.#aborted = lineCut();
  }

  async send(message: Uint8Array): Promise<void> {
    this.heardBytes += message.length;
    await Promise.resolve();
  }

  async receive(): Promise<Uint8Array | undefined> {
    // A turn, so that what the last message set off is done before the next one comes.
    await new Promise(setImmediate);
    const message = this.#script.shift();
    if (message === undefined && this.#aborted !== undefined) throw this.#aborted;
    return message && new Uint8Array(message);
  }

  async end(): Promise<void> {
    await Promise.resolve();
  }

  abort(error: AppError): void {
    this.#aborted = error;
    this.#script.length = 0;
  }
}

export function lineCut(): AppError {
  return new AppError('the line was cut', { code: 'connection_lost', retryable: true, advice: 'Wait for the link.' });
}
