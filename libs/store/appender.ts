import type { Timer, Timers } from '#runtime';
import type { RecordView } from '#wire';
import { Commit } from './commit.ts';
import type { PackLanes } from './pack-lanes.ts';
import { type Place, placeKey } from './place.ts';
import { storeBusy, storeClosed, windowLost } from './store-errors.ts';
import type { StoreLimits } from './store-limits.ts';

export interface AppenderOptions {
  readonly lanes: PackLanes;
  readonly timers: Timers;
  readonly limits: StoreLimits;
  /** Takes what has just become durable, before its appends resolve. */
  readonly onDurable: (places: Iterable<[key: string, place: Place]>) => void;
}

/** How a step ended: undefined when it went well. */
type Outcome = { readonly error: unknown } | undefined;

/** How far the last commit is: written with its markers; synced. */
interface Stage {
  readonly marked: Promise<Outcome>;
  readonly durable: Promise<Outcome>;
}

const done: Promise<Outcome> = Promise.resolve(undefined);

/**
 * Group commit. Records gather in a commit; a commit is written while the one before is being synced, marked when that
 * sync is over, and resolves when its own is: so an append resolves after everything that was appended before it. One
 * failure fails everything that is not durable by then; what comes later starts in new packs.
 */
export class Appender {
  readonly #options: AppenderOptions;
  readonly #pending = new Map<string, number>();
  #generation = 0;
  #filling = new Commit(0);
  #stage: Stage = { marked: done, durable: done };
  #last: Promise<void> = Promise.resolve();
  #pendingBytes = 0;
  #waitingToWrite = 0;
  #sealWhenFree = false;
  #delay: Timer | undefined;
  #closed = false;

  constructor(options: AppenderOptions) {
    this.#options = options;
  }

  /** Bytes that were appended and are not durable yet. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /** True from `append` until it resolves or rejects. */
  isPending(key: string): boolean {
    return this.#pending.has(key);
  }

  append(record: RecordView): Promise<void> {
    if (this.#closed) return Promise.reject(storeClosed());
    const { limits, timers } = this.#options;
    if (this.#pendingBytes + record.bytes.length > limits.pendingBytesMax) {
      return Promise.reject(storeBusy(this.#pendingBytes));
    }
    const commit = this.#filling;
    commit.add(record);
    this.#pendingBytes += record.bytes.length;
    for (const id of record.ids) {
      const key = placeKey(record.domainId, id);
      this.#pending.set(key, (this.#pending.get(key) ?? 0) + 1);
    }
    if (commit.bytes >= limits.groupBytes) this.#seal();
    else this.#delay ??= timers.after(limits.commitDelayMs, () => this.#sealSoon());
    return commit.durable;
  }

  /** Commits what was appended. Resolves when all of it is durable, rejects when any of it must be sent again. */
  flush(): Promise<void> {
    if (this.#filling.bytes === 0) return this.#last;
    const { durable } = this.#filling;
    this.#sealSoon();
    return durable;
  }

  /** Commits what was appended and closes the packs that grow; after a failure none grows. */
  async turnOver(): Promise<void> {
    this.#seal();
    const before = this.#stage;
    const closed = before.durable.then(async (failure) => {
      if (failure === undefined) await this.#options.lanes.closeAll();
      return failure;
    });
    this.#stage = { marked: closed, durable: closed };
    await closed;
  }

  /** Takes nothing more, commits the rest, closes the packs. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.turnOver();
    await this.#stage.durable;
  }

  /** While a commit waits for its turn to be written, later records gather: one sync then serves them all. */
  #sealSoon(): void {
    if (this.#waitingToWrite > 0) this.#sealWhenFree = true;
    else this.#seal();
  }

  #seal(): void {
    this.#delay?.cancel();
    this.#delay = undefined;
    this.#sealWhenFree = false;
    const commit = this.#filling;
    if (commit.bytes === 0) return;
    this.#filling = new Commit(this.#generation);
    this.#last = commit.durable;
    this.#waitingToWrite += 1;
    const marked = this.#writeAndMark(commit, this.#stage);
    this.#stage = { marked, durable: this.#syncAndSettle(commit, marked) };
  }

  async #writeAndMark(commit: Commit, before: Stage): Promise<Outcome> {
    const earlier = await before.marked;
    this.#waitingToWrite -= 1;
    if (this.#sealWhenFree && this.#waitingToWrite === 0) this.#seal();
    if (earlier !== undefined) return earlier;
    const written = await inEach(commit.records, async ([packClass, records]) => {
      const writer = await this.#options.lanes.writerOf(packClass, before.durable);
      commit.written.push({ writer, records, offsets: await writer.write(records) });
    });
    // Only now the marker: so a crash can leave the last group of a pack torn, never one before it.
    return (await before.durable) ?? written ?? inEach(commit.written, ({ writer }) => writer.mark());
  }

  async #syncAndSettle(commit: Commit, marked: Promise<Outcome>): Promise<Outcome> {
    const failure = (await marked) ?? (await inEach(commit.written, ({ writer }) => writer.sync()));
    this.#forget(commit);
    if (failure === undefined) {
      this.#options.onDurable(commit.places());
      this.#options.lanes.grown(commit.written);
      commit.resolve();
    } else {
      this.#endGeneration(commit.generation, failure.error);
      commit.reject(windowLost(failure.error));
    }
    return failure;
  }

  /** Commits that were sealed before the failure fail in their turn; this fails the one that fills. */
  #endGeneration(generation: number, error: unknown): void {
    if (generation !== this.#generation) return;
    this.#generation += 1;
    const filling = this.#filling;
    this.#filling = new Commit(this.#generation);
    this.#delay?.cancel();
    this.#delay = undefined;
    if (filling.bytes > 0) {
      this.#forget(filling);
      filling.reject(windowLost(error));
    }
    const { marked, durable } = this.#stage;
    const abandoned = Promise.all([marked, durable])
      .then(() => this.#options.lanes.abandonAll())
      .then(() => undefined);
    this.#stage = { marked: abandoned, durable: abandoned };
    this.#last = abandoned.then(() => undefined);
  }

  #forget(commit: Commit): void {
    this.#pendingBytes -= commit.bytes;
    for (const key of commit.keys()) {
      const left = (this.#pending.get(key) ?? 0) - 1;
      if (left > 0) this.#pending.set(key, left);
      else this.#pending.delete(key);
    }
  }
}

/** Runs `step` in each to its end, and only then tells of the first failure: nothing goes on behind its back. */
async function inEach<T>(parts: Iterable<T>, step: (part: T) => Promise<void>): Promise<Outcome> {
  const results = await Promise.allSettled([...parts].map(step));
  const failed = results.find((result) => result.status === 'rejected');
  return failed === undefined ? undefined : { error: failed.reason };
}
