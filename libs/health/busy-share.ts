import type { Clock } from '#runtime';

/** For what share of the time at least one of many pieces of work was under way. */
export class BusyShare {
  readonly #clock: Clock;
  #running = 0;
  #sinceMs = 0;
  #busyMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Counts `work` as under way until it settles. */
  async during<T>(work: Promise<T>): Promise<T> {
    if (this.#running++ === 0) this.#sinceMs = this.#clock.monotonicMs();
    try {
      return await work;
    } finally {
      if (--this.#running === 0) this.#busyMs += this.#clock.monotonicMs() - this.#sinceMs;
    }
  }

  /** Milliseconds until now; only grows. */
  get busyMs(): number {
    return this.#busyMs + (this.#running > 0 ? this.#clock.monotonicMs() - this.#sinceMs : 0);
  }
}
