import type { Clock, Timer, Timers } from '#runtime';
import type { Progress } from '../appliance/operations.ts';
import { formatBytes, formatCount, formatDataRate, formatDuration, formatLinkRate } from './format.ts';
import { printable } from './printable.ts';
import type { Terminal } from './terminal.ts';

export interface ProgressOptions {
  readonly terminal: Terminal;
  readonly clock: Clock;
  readonly timers: Timers;
  /** What the items of the progress are: "files". */
  readonly items: string;
  /** A link's rate is told in Mbit/s, all else in MB/s. */
  readonly rate: 'link' | 'data';
  readonly silent: boolean;
}

// Often enough to look alive; without a terminal, seldom enough for a log.
const redrawMs = 200;
const logMs = 10_000;
// The rate of the last while: long enough to be calm, short enough to follow a changed limit.
const rateWindowMs = 10_000;

/** Shows how long work goes on: one line redrawn on a terminal, a line every 10 s elsewhere. Dispose of it at the end. */
export class ProgressLine implements Disposable {
  readonly #options: ProgressOptions;
  readonly #samples: { readonly atMs: number; readonly doneBytes: number }[] = [];
  #newest: Progress | undefined;
  #timer: Timer | undefined;
  #drawn = false;

  constructor(options: ProgressOptions) {
    this.#options = options;
    if (!options.silent) this.#next();
  }

  show(progress: Progress): void {
    const previous = this.#newest;
    // What is counted has changed: an old rate says nothing about it.
    if (previous !== undefined && (previous.doing !== progress.doing || previous.doneBytes > progress.doneBytes))
      this.#samples.length = 0;
    this.#newest = progress;
    if (this.#samples.length === 0) this.#sample();
  }

  /** A line that stays, above the one that is redrawn. */
  note(text: string): void {
    this.#erase();
    this.#options.terminal.err(`${text}\n`);
  }

  [Symbol.dispose](): void {
    this.#timer?.cancel();
    this.#erase();
  }

  #next(): void {
    const { timers, terminal } = this.#options;
    this.#timer = timers.after(terminal.errIsTty ? redrawMs : logMs, () => {
      this.#draw();
      this.#next();
    });
  }

  #draw(): void {
    if (this.#newest === undefined) return;
    const { terminal } = this.#options;
    this.#sample();
    const text = this.#text(this.#newest);
    if (!terminal.errIsTty) terminal.err(`${text}\n`);
    else {
      const fitting = text.slice(0, Math.max(10, terminal.errColumns - 1));
      terminal.err(`\r${fitting}\x1b[K`);
      this.#drawn = true;
    }
  }

  #erase(): void {
    if (this.#drawn) this.#options.terminal.err('\r\x1b[K');
    this.#drawn = false;
  }

  #sample(): void {
    const atMs = this.#options.clock.monotonicMs();
    this.#samples.push({ atMs, doneBytes: this.#newest?.doneBytes ?? 0 });
    // One sample from before the window stays, so that the window is covered.
    while ((this.#samples[1]?.atMs ?? atMs) <= atMs - rateWindowMs) this.#samples.shift();
  }

  #bytesPerSecond(): number | undefined {
    const first = this.#samples.at(0);
    const last = this.#samples.at(-1);
    if (first === undefined || last === undefined || last.atMs - first.atMs < redrawMs) return undefined;
    return ((last.doneBytes - first.doneBytes) * 1000) / (last.atMs - first.atMs);
  }

  #text({ doing, doneBytes, totalBytes, doneItems, totalItems }: Progress): string {
    const { items, rate } = this.#options;
    const parts: string[] = [];
    if (totalBytes === undefined) parts.push(formatBytes(doneBytes));
    else {
      const percent = totalBytes === 0 ? 100 : Math.floor((doneBytes * 100) / totalBytes);
      parts.push(`${formatBytes(doneBytes)} of ${formatBytes(totalBytes)} (${percent} %)`);
    }
    const bytesPerSecond = this.#bytesPerSecond();
    if (bytesPerSecond !== undefined) {
      parts.push(rate === 'link' ? formatLinkRate(bytesPerSecond) : formatDataRate(bytesPerSecond));
      const leftBytes = (totalBytes ?? 0) - doneBytes;
      if (leftBytes > 0 && bytesPerSecond > 0) parts.push(`${formatDuration(leftBytes / bytesPerSecond)} left`);
    }
    if (doneItems !== undefined) {
      const of = totalItems === undefined ? '' : ` of ${formatCount(totalItems)}`;
      parts.push(`${formatCount(doneItems)}${of} ${items}`);
    }
    return `${printable(doing)}: ${parts.join(', ')}`;
  }
}
