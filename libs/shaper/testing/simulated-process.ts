import type { Clock, Timer, Timers } from '#runtime';

interface Entry {
  readonly dueMs: number;
  readonly run: () => void;
}

/** Time in steps, and a process that may stall: its timers run late then, all together. */
export class SimulatedProcess implements Clock, Timers {
  #nowMs = 0;
  #stalledUntilMs = 0;
  readonly #entries = new Set<Entry>();

  nowMs(): number {
    return 1_800_000_000_000 + this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  get isStalled(): boolean {
    return this.#nowMs < this.#stalledUntilMs;
  }

  get timers(): number {
    return this.#entries.size;
  }

  after(delayMs: number, run: () => void): Timer {
    const entry = { dueMs: this.#nowMs + Math.max(1, delayMs), run };
    this.#entries.add(entry);
    return { cancel: () => void this.#entries.delete(entry) };
  }

  sleep(): Promise<void> {
    return Promise.reject(new Error('nothing here sleeps'));
  }

  stall(ms: number): void {
    this.#stalledUntilMs = this.#nowMs + ms;
  }

  /** One millisecond. */
  step(): void {
    this.#nowMs += 1;
    if (this.isStalled) return;
    for (const entry of this.#entries) {
      if (entry.dueMs > this.#nowMs) continue;
      this.#entries.delete(entry);
      entry.run();
    }
  }
}
