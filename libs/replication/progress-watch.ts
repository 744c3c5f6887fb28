import type { AppError, Timer, Timers } from '#runtime';
import { sessionStalled } from './errors.ts';
import { stallMs, workingNoteMs } from './protocol-limits.ts';

/** One end of a session, as far as its getting on is concerned. */
export interface WatchedEnd {
  /** Grows with whatever comes from the other end, and with what the line takes away: bytes, so that a slow line counts. */
  moved(): number;
  /** Grows with what this end does and the other one cannot see. */
  worked(): number;
  /** True while the next step is this end's own. */
  isBusy(): boolean;
  sayWorking(): void;
  onStall(error: AppError): void;
}

/**
 * Ends a session when the other end does nothing for two minutes though it is its turn, and lets the other end know every
 * 15 seconds that this one works on. What gets on, however slowly, is never ended.
 */
export class ProgressWatch implements Disposable {
  readonly #timers: Timers;
  readonly #end: WatchedEnd;
  #timer: Timer;
  #moved = 0;
  #worked = 0;
  #quietMs = 0;

  constructor(timers: Timers, end: WatchedEnd) {
    this.#timers = timers;
    this.#end = end;
    this.#timer = this.#next();
  }

  [Symbol.dispose](): void {
    this.#timer.cancel();
  }

  #next(): Timer {
    return this.#timers.after(workingNoteMs, () => this.#look());
  }

  #look(): void {
    const [moved, worked] = [this.#end.moved(), this.#end.worked()];
    if (worked !== this.#worked) this.#end.sayWorking();
    this.#quietMs = moved !== this.#moved || this.#end.isBusy() ? 0 : this.#quietMs + workingNoteMs;
    [this.#moved, this.#worked] = [moved, worked];
    if (this.#quietMs >= stallMs) this.#end.onStall(sessionStalled());
    else this.#timer = this.#next();
  }
}
