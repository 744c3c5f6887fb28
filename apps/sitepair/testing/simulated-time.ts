import type { Clock, Timers } from '#runtime';

interface Due {
  readonly atMs: number;
  readonly run: () => void;
}

/** Time that passes only when a test says so. */
export class SimulatedTime implements Clock, Timers {
  #nowMs = 1_000_000;
  #due: Due[] = [];

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, run: () => void) {
    const due: Due = { atMs: this.#nowMs + delayMs, run };
    this.#due.push(due);
    return {
      cancel: () => {
        this.#due = this.#due.filter((other) => other !== due);
      },
    };
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.after(delayMs, resolve));
  }

  /** Lets time pass, and everything happen that falls due on the way, in order. */
  pass(ms: number): void {
    const endMs = this.#nowMs + ms;
    for (;;) {
      const [next] = this.#due.filter(({ atMs }) => atMs <= endMs).sort((a, b) => a.atMs - b.atMs);
      if (next === undefined) break;
      this.#due = this.#due.filter((other) => other !== next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.run();
    }
    this.#nowMs = endMs;
  }

  get waiting(): number {
    return this.#due.length;
  }
}
