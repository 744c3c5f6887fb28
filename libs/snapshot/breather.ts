import type { Clock } from '#runtime';

// Sockets and timers of the process get their turn this often while files are read and written synchronously.
const turnEveryMs = 10;
const progressEveryMs = 100;

/** Where long synchronous work stops for a moment: for the other tasks of the process, for an abort, to report. */
export class Breather {
  readonly #clock: Clock;
  readonly #signal: AbortSignal | undefined;
  readonly #report: () => void;
  #lastTurnMs = 0;
  #lastReportMs = 0;

  constructor(clock: Clock, signal: AbortSignal | undefined, report: () => void) {
    this.#clock = clock;
    this.#signal = signal;
    this.#report = report;
  }

  /** Cheap enough for every file. Rejects with the signal's reason once aborted. */
  async pause(): Promise<void> {
    this.#signal?.throwIfAborted();
    const now = this.#clock.monotonicMs();
    if (now - this.#lastTurnMs < turnEveryMs) return;
    await new Promise<void>((resolve) => setImmediate(resolve));
    this.#lastTurnMs = this.#clock.monotonicMs();
    if (now - this.#lastReportMs < progressEveryMs) return;
    this.#lastReportMs = now;
    this.#report();
  }
}
