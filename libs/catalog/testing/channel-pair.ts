import type { MessageChannel } from '../sync.ts';

/** A channel whose ends are in one process; `end` is seen by the other end after all messages. */
export interface ChannelEnd extends MessageChannel {
  end(): void;
  readonly sent: Uint8Array[];
}

export function channelPair(): [ChannelEnd, ChannelEnd] {
  const [a, b] = [new Queue(), new Queue()];
  return [endOf(a, b), endOf(b, a)];
}

function endOf(incoming: Queue, outgoing: Queue): ChannelEnd {
  const sent: Uint8Array[] = [];
  return {
    sent,
    send: async (message) => {
      sent.push(message);
      outgoing.push(message);
    },
    receive: () => incoming.next(),
    end: () => outgoing.push(undefined),
  };
}

class Queue {
  readonly #messages: (Uint8Array | undefined)[] = [];
  readonly #waiting: ((message: Uint8Array | undefined) => void)[] = [];

  push(message: Uint8Array | undefined): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#messages.push(message);
    else waiting(message);
  }

  next(): Promise<Uint8Array | undefined> {
    if (this.#messages.length > 0) return Promise.resolve(this.#messages.shift());
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}
