import { assert, type Timer, type Timers } from '#runtime';
import type { RecordView } from '#wire';
import type { RecordStore } from './ports.ts';

/** How long an arrived record waits for company before its group is made durable. */
const groupDelayMs = 20;
/** Bytes that make a group durable at once. */
const groupBytes = 16 * 1024 * 1024;

/**
 * The one way of records into the store, from clients and from peers: stores what was verified, groups the fdatasyncs,
 * and says up to which sequence number everything is on stable storage. An acknowledgement never runs ahead of that.
 */
export class Ingest {
  readonly #store: RecordStore;
  readonly #timers: Timers;
  readonly #onDurable: (belowSequence: number) => void;
  readonly #onFailure: (error: unknown) => void;
  readonly #durable = new Set<number>();
  #below = 0;
  #announced = 0;
  #undurable = 0;
  #undurableBytes = 0;
  #waitingForRoom: (() => void)[] = [];
  #groupBytes = 0;
  #timer: Timer | undefined;
  #idle: PromiseWithResolvers<void>[] = [];
  #failure: { readonly error: unknown } | undefined;
  #disposed = false;
  #skipped: number[] = [];

  constructor(
    store: RecordStore,
    timers: Timers,
    onDurable: (belowSequence: number) => void,
    onFailure: (error: unknown) => void,
  ) {
    this.#store = store;
    this.#timers = timers;
    this.#onDurable = onDurable;
    this.#onFailure = onFailure;
  }

  /** Stores a verified record under its number in this session. Numbers start at 0 and come once each, in any order. */
  take(sequence: number, record: RecordView): void {
    const { length } = record.bytes;
    this.#begin(sequence);
    this.#groupBytes += length;
    this.#undurableBytes += length;
    this.#store.append(record).then(
      () => {
        this.#undurableBytes -= length;
        this.#onAppended(sequence);
      },
      (error) => this.#fail(error),
    );
    this.#flushSoon();
  }

  /** A record whose content is durable already: it counts as taken with the group that it came with, not before. */
  skip(sequence: number): void {
    this.#begin(sequence);
    this.#skipped.push(sequence);
    this.#flushSoon();
  }

  /** Nothing taken waits for the disk. */
  get isIdle(): boolean {
    return this.#undurable === 0;
  }

  /** Resolves once no more than `bytesMax` wait for the disk: whoever reads from a line asks before it reads on. */
  async room(bytesMax: number): Promise<void> {
    while (this.#undurableBytes > bytesMax && this.#failure === undefined && !this.#disposed)
      await new Promise<void>((resolve) => this.#waitingForRoom.push(resolve));
  }

  /** Resolves when everything taken is durable; rejects with the failure after which it never will be. */
  async drain(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure.error;
    if (this.#undurable === 0) return;
    const idle = Promise.withResolvers<void>();
    this.#idle.push(idle);
    this.#flush();
    await idle.promise;
  }

  dispose(): void {
    this.#disposed = true;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#tellRoom();
  }

  #begin(sequence: number): void {
    assert(sequence >= this.#below && !this.#durable.has(sequence), 'a sequence number came twice');
    this.#undurable += 1;
  }

  #flushSoon(): void {
    if (this.#groupBytes >= groupBytes) this.#flush();
    else this.#timer ??= this.#timers.after(groupDelayMs, () => this.#flush());
  }

  #flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#groupBytes = 0;
    const skipped = this.#skipped;
    this.#skipped = [];
    this.#store.flush().then(
      () => {
        for (const sequence of skipped) this.#onAppended(sequence);
      },
      (error) => this.#fail(error),
    );
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    for (const { reject } of this.#idle.splice(0)) reject(error);
    this.#tellRoom();
    this.#onFailure(error);
  }

  #onAppended(sequence: number): void {
    this.#durable.add(sequence);
    this.#undurable -= 1;
    this.#tellRoom();
    while (this.#durable.delete(this.#below)) this.#below += 1;
    // One acknowledgement for all appends that a group made durable together.
    queueMicrotask(() => {
      if (this.#below === this.#announced) return;
      this.#announced = this.#below;
      this.#onDurable(this.#below);
    });
    if (this.#undurable === 0) for (const { resolve } of this.#idle.splice(0)) resolve();
  }

  #tellRoom(): void {
    for (const resolve of this.#waitingForRoom.splice(0)) resolve();
  }
}
