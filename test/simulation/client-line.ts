import { type FrameConduit, type FrameReceiver, Mux } from '#link';
import type { Machine } from './machine/machine.ts';

/** Both ends of what control.sock is on a real machine: frames arrive in the next microtask, in order. */
function conduitPair(): [LocalConduit, LocalConduit] {
  const pair: [LocalConduit, LocalConduit] = [new LocalConduit(), new LocalConduit()];
  [pair[0].other, pair[1].other] = [pair[1], pair[0]];
  return pair;
}

class LocalConduit implements FrameConduit {
  readonly frameBytesMax = 65_535;
  readonly overheadBytes = 0;
  readonly closed: Promise<string>;
  bytesSent = 0;
  bytesReceived = 0;
  other: LocalConduit | undefined;
  #receiver: FrameReceiver | undefined;
  #waiting: Uint8Array[] = [];
  #isClosed = false;
  #resolveClosed: (why: string) => void;

  constructor() {
    const { promise, resolve } = Promise.withResolvers<string>();
    [this.closed, this.#resolveClosed] = [promise, resolve];
  }

  attach(receiver: FrameReceiver | undefined): void {
    this.#receiver = receiver;
    for (let frame = this.#next(); frame !== undefined; frame = this.#next()) this.#receiver?.frame(frame);
  }

  send(parts: readonly Uint8Array[]): boolean {
    if (this.#isClosed) return false;
    const frame = Buffer.concat(parts);
    queueMicrotask(() => this.other?.arrive(frame));
    return true;
  }

  close(): void {
    queueMicrotask(() => {
      this.other?.destroy('the other end closed it');
      this.destroy('this end closed it');
    });
  }

  destroy(why: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#resolveClosed(why);
    queueMicrotask(() => this.other?.destroy('the other end is gone'));
  }

  arrive(frame: Uint8Array): void {
    if (this.#isClosed) return;
    if (this.#receiver === undefined) this.#waiting.push(frame);
    else this.#receiver.frame(frame);
  }

  #next(): Uint8Array | undefined {
    return this.#receiver === undefined ? undefined : this.#waiting.shift();
  }
}

/** A client's line to the appliance of its own machine; ended with its mux. */
export function clientMux(machine: Machine, serve: (mux: Mux) => void): Mux {
  const [mine, theirs] = conduitPair();
  const options = {
    clock: machine.clock,
    timers: machine.timers,
    heartbeat: false,
    onHandlerError: (error: unknown) => {
      throw error;
    },
  } as const;
  serve(new Mux(theirs, { ...options, isDialler: false }));
  return new Mux(mine, { ...options, isDialler: true });
}
