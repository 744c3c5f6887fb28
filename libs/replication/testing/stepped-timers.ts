import type { Timer, Timers } from '#runtime';

interface Due {
  readonly atMs: number;
  readonly run: () => void;
}

/** Time that passes only when a test lets it. */
export class SteppedTimers implements Timers {
  nowMs = 0;
  #due: Due[] = [];

  after(delayMs: number, run: () => void): Timer {
    const due: Due = { atMs: this.nowMs + delayMs, run };
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

  /** Lets time pass, and everything happen that falls due on the way, in order, with all that follows from it at once. */
  async pass(ms: number): Promise<void> {
    const endMs = this.nowMs + ms;
    for (;;) {
      for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate);
      const [next] = this.#due.filter(({ atMs }) => atMs <= endMs).sort((a, b) => a.atMs - b.atMs);
      if (next === undefined) break;
      this.#due = this.#due.filter((other) => other !== next);
      this.nowMs = next.atMs;
      next.run();
    }
    this.nowMs = endMs;
  }

  /** Lets time pass until `work` is done. */
  async until<T>(work: Promise<T>, stepMs = 1000): Promise<T> {
    let isDone = false;
    const done = () => {
      isDone = true;
    };
    work.then(done, done);
    while (!isDone) await this.pass(stepMs);
    return work;
  }
}
