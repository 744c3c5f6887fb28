import { compareBytes, isAppError, toHex } from '#runtime';
import { type Block, decodeBlock, encodeBlock, stepBytesMax } from './block.ts';
import { addRow, type CountRow, countsOf, emptyRow, type HealthCounts, rowOf } from './counts.ts';
import {
  closeHistoryDatabase,
  type HistoryDatabase,
  inTransaction,
  noteSettled,
  openHistoryDatabase,
} from './database.ts';
import { historyKey, kindRange, placeOf, timeOf } from './history-keys.ts';
import { type Level, levelFor, levels } from './levels.ts';

/** Something that happened to a link at a moment: it was cut, it came back, and why. */
export interface LinkEvent {
  /** Seconds since 1970. */
  readonly at: number;
  readonly what: 'up' | 'cut' | 'cause';
  readonly detail: string;
}

/** The counts from `from` (seconds since 1970) for as long as the step. */
export interface HistoryPoint {
  readonly from: number;
  readonly counts: HealthCounts;
}

export interface HistoryAnswer {
  readonly stepSeconds: number;
  readonly points: readonly HistoryPoint[];
}

const eventKind = 255;
const eventsMax = 1000;
/** After so many writes, some minutes, the file is taken for good again, should the process be killed. */
const settledFlushes = 100;
/** Blocks that wait while the disk refuses them: of all levels of eight links for some hours. */
const waitingBlocksMax = 256;
/** More points than a chart has pixels: a longer range gets a longer step. */
const pointsMax = 2000;
/** A block in the database: its bytes, LMDB's pages around them, and pages that wait to be used again. */
const overheadFactor = 2;

/** The most that the history of one link takes on disk. */
export const historyBytesMax =
  overheadFactor *
  levels.reduce((sum, { blocksMax, stepsPerBlock }) => sum + blocksMax * (stepsPerBlock * stepBytesMax + 4096), 0);

interface OpenBlock {
  readonly key: Buffer;
  readonly block: Block;
}

/**
 * What happened on each link, second by second, minute by minute, hour by hour. Counts are added to the second that the wall
 * clock shows, and every level gets the same counts: a clock that is set back adds to seconds that are there (their
 * `observedMs` tells), one that is set forward leaves a gap, and no sum is ever wrong or doubled. What was added is written
 * by `flush`; a killed process loses what came after the last one.
 */
export class HealthHistory implements AsyncDisposable {
  readonly #folder: string;
  readonly #database: HistoryDatabase;
  readonly #open = new Map<string, OpenBlock>();
  /** The times of the keys of one kind of one link, in order, once they were asked for. */
  readonly #times = new Map<string, number[]>();
  #events: { readonly link: Uint8Array; readonly event: LinkEvent }[] = [];
  #eventNumber = 0;
  #flushes = 0;

  private constructor(folder: string, database: HistoryDatabase) {
    this.#folder = folder;
    this.#database = database;
  }

  /** Opens or makes the history in `folder`. Throws `health_write_failed`. */
  static open(folder: string): HealthHistory {
    return new HealthHistory(folder, openHistoryDatabase(folder));
  }

  /** Adds what happened to the second `at` (since 1970) of a link, named by 16 bytes. */
  add(link: Uint8Array, at: number, counts: HealthCounts): void {
    const more = rowOf(counts);
    for (const level of levels) {
      const { block, step } = placeOf(level, at);
      const rows = this.#blockOf(link, level, block);
      rows[step] ??= emptyRow();
      addRow(rows[step], more);
    }
  }

  note(link: Uint8Array, event: LinkEvent): void {
    this.#events.push({ link, event });
  }

  /** Writes what was added, in one transaction, and forgets the oldest. Throws `health_write_failed`; then it may be tried again. */
  flush(): void {
    if (this.#open.size === 0 && this.#events.length === 0) return;
    try {
      inTransaction(this.#database, () => this.#writeAll());
    } catch (error) {
      // What was to be removed is there still.
      this.#times.clear();
      this.#forgetOldest();
      throw error;
    }
    this.#open.clear();
    this.#events = [];
    this.#flushes += 1;
    if (this.#flushes === settledFlushes) noteSettled(this.#folder);
  }

  /**
   * The counts of [from, to) in steps of about `stepSeconds`, oldest first; times without any are left out. The step is
   * longer where the fine counts are gone, or where there would be more than 2,000 points.
   */
  query(link: Uint8Array, range: { readonly from: number; readonly to: number; readonly now: number }, step = 0) {
    this.#flushIfPossible();
    const { from, to, now } = range;
    const level = levelFor(from, to, now, step);
    const wanted = Math.max(step, (to - from) / pointsMax, level.stepSeconds);
    const stepSeconds = Math.ceil(wanted / level.stepSeconds) * level.stepSeconds;
    const points = new Map<number, CountRow>();
    const first = placeOf(level, from).block;
    const start = historyKey(link, level.number, first);
    const end = historyKey(link, level.number, Math.max(first, placeOf(level, to).block + 1));
    for (const { key, value } of this.#database.getRange({ start, end })) {
      const begin = timeOf(key) * level.stepsPerBlock * level.stepSeconds;
      decodeBlock(value, level.stepsPerBlock)?.forEach((row, index) => {
        const at = begin + index * level.stepSeconds;
        if (row === undefined || at + level.stepSeconds <= from || at >= to) return;
        const point = at - (at % stepSeconds);
        const sum = points.get(point);
        if (sum === undefined) points.set(point, row);
        else addRow(sum, row);
      });
    }
    return {
      stepSeconds,
      points: [...points].map(([at, row]) => ({ from: at, counts: countsOf(row) })),
    } satisfies HistoryAnswer;
  }

  /** The newest events of a link, newest first. */
  events(link: Uint8Array, countMax: number): LinkEvent[] {
    this.#flushIfPossible();
    const { start, end } = kindRange(link, eventKind);
    const range = { start: end, end: start, reverse: true, limit: countMax };
    return [...this.#database.getRange(range)].map(({ value }) => JSON.parse(value.toString()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.flush();
    } finally {
      await closeHistoryDatabase(this.#database, this.#folder);
    }
  }

  /** Who asks gets what is on the disk, also while it takes no more: that is told where it is written. */
  #flushIfPossible(): void {
    try {
      this.flush();
    } catch (error) {
      if (!isAppError(error, 'health_write_failed')) throw error;
    }
  }

  /** A disk that is full for weeks costs history, and no memory. */
  #forgetOldest(): void {
    for (const name of [...this.#open.keys()].slice(0, -waitingBlocksMax)) this.#open.delete(name);
    this.#events = this.#events.slice(-eventsMax);
  }

  #writeAll(): void {
    // Oldest first: what is newest stays when it is too many at once.
    for (const { key, block } of [...this.#open.values()].sort((a, b) => compareBytes(a.key, b.key))) {
      if (!this.#database.doesExist(key)) this.#makeRoom(key);
      this.#database.putSync(key, encodeBlock(block));
    }
    for (const { link, event } of this.#events) this.#putEvent(link, event);
  }

  #blockOf(link: Uint8Array, level: Level, number: number): Block {
    const key = historyKey(link, level.number, number);
    const name = toHex(key);
    let open = this.#open.get(name);
    if (open === undefined) {
      const stored = this.#database.getBinary(key);
      const block = stored && decodeBlock(stored, level.stepsPerBlock);
      open = { key, block: block ?? new Array(level.stepsPerBlock).fill(undefined) };
      this.#open.set(name, open);
    }
    return open.block;
  }

  /** Before a key is new: of those that are too many, the ones farthest from it go, whatever the clock was when they were made. */
  #makeRoom(key: Buffer): void {
    const link = key.subarray(0, key.length - 9);
    const kind = key[key.length - 9]!;
    const name = toHex(key.subarray(0, key.length - 8));
    let times = this.#times.get(name);
    if (times === undefined) {
      times = [...this.#database.getKeys(kindRange(link, kind))].map(timeOf);
      this.#times.set(name, times);
    }
    const at = timeOf(key);
    const most = levels[kind]?.blocksMax ?? eventsMax;
    while (times.length >= most) {
      const isOldFarther = at - times[0]! >= times.at(-1)! - at;
      const gone = isOldFarther ? times.shift() : times.pop();
      this.#database.removeSync(historyKey(link, kind, gone!));
    }
    times.splice(times.findLastIndex((time) => time < at) + 1, 0, at);
  }

  #putEvent(link: Uint8Array, event: LinkEvent): void {
    // Several may fall into one second: a number behind the time keeps them apart.
    this.#eventNumber = (this.#eventNumber + 1) % 1000;
    const key = historyKey(link, eventKind, event.at * 1000 + this.#eventNumber);
    this.#makeRoom(key);
    this.#database.putSync(key, Buffer.from(JSON.stringify(event)));
  }
}
