import type { Timers } from '#runtime';
import { type FrameConduit, type FrameReceiver, frameBytes } from './frame-conduit.ts';
import { FrameInbox } from './frame-inbox.ts';

export interface MemoryPairOptions {
  readonly frameBytesMax?: number;
  /** How much may be under way in one direction before send() says false. */
  readonly queueBytesMax?: number;
  /** One-way delay; needs `timers`. Without it frames arrive in the next microtask. */
  readonly latencyMs?: number;
  readonly timers?: Timers;
}

export interface MemoryPair {
  readonly left: FrameConduit;
  readonly right: FrameConduit;
  /** Cuts the line: what is under way is lost, both ends learn it. */
  cut(): void;
  /** From now on nothing arrives and nobody learns it, like behind a dead router. */
  silence(): void;
}

interface Line {
  silent: boolean;
}

/** Two conduits that lead to each other within one process. */
export function memoryPair(options: MemoryPairOptions = {}): MemoryPair {
  const line: Line = { silent: false };
  const left = new MemoryConduit(options, line);
  const right = new MemoryConduit(options, line);
  left.other = right;
  right.other = left;
  return {
    left,
    right,
    cut: () => {
      left.finish('the line was cut');
      right.finish('the line was cut');
    },
    silence: () => {
      line.silent = true;
    },
  };
}

class MemoryConduit implements FrameConduit {
  readonly frameBytesMax: number;
  readonly overheadBytes = 0;
  readonly closed: Promise<string>;
  other: MemoryConduit | undefined;
  bytesSent = 0;
  bytesReceived = 0;
  readonly #options: MemoryPairOptions;
  readonly #line: Line;
  readonly #inbox = new FrameInbox();
  #underWayBytes = 0;
  #mustDrain = false;
  #ended = false;
  #resolveClosed: (why: string) => void;

  constructor(options: MemoryPairOptions, line: Line) {
    this.frameBytesMax = options.frameBytesMax ?? 65_519;
    this.#options = options;
    this.#line = line;
    const { promise, resolve } = Promise.withResolvers<string>();
    this.closed = promise;
    this.#resolveClosed = resolve;
  }

  attach(receiver: FrameReceiver | undefined): void {
    this.#inbox.attach(receiver);
  }

  send(parts: readonly Uint8Array[]): boolean {
    if (this.#ended) return false;
    const frame = new Uint8Array(Buffer.concat(parts));
    this.bytesSent += frameBytes(parts);
    this.#underWayBytes += frame.length;
    this.#later(() => {
      if (this.#line.silent) return;
      this.#underWayBytes -= frame.length;
      this.other?.arrive(frame);
      if (!this.#mustDrain || this.#full) return;
      this.#mustDrain = false;
      this.#inbox.drained();
    });
    this.#mustDrain = this.#full;
    return !this.#mustDrain;
  }

  close(): void {
    this.#later(() => {
      if (!this.#line.silent) this.other?.finish('the other end closed it');
      this.finish('this end closed it');
    });
  }

  destroy(why: string): void {
    this.finish(why);
    this.#later(() => {
      if (!this.#line.silent) this.other?.finish('the other end cut it off');
    });
  }

  arrive(frame: Uint8Array): void {
    if (this.#ended) return;
    this.bytesReceived += frame.length;
    this.#inbox.accept(frame);
  }

  finish(why: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#resolveClosed(why);
  }

  get #full(): boolean {
    return this.#underWayBytes >= (this.#options.queueBytesMax ?? 256 * 1024);
  }

  #later(run: () => void): void {
    const { latencyMs, timers } = this.#options;
    if (latencyMs === undefined || timers === undefined) queueMicrotask(run);
    else timers.after(latencyMs, run);
  }
}
