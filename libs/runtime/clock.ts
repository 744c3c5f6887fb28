/** Wall and monotonic time as an argument, so that tests and the simulator own it. */
export interface Clock {
  /** Milliseconds since 1970; may jump. Only for what people read. */
  nowMs(): number;
  /** Milliseconds from an arbitrary start; never goes back. For every duration and deadline. */
  monotonicMs(): number;
}

export interface Timer {
  cancel(): void;
}

/** Delays as an argument. */
export interface Timers {
  /** Calls `run` once, `delayMs` from now, unless cancelled. */
  after(delayMs: number, run: () => void): Timer;
  /** Resolves after `delayMs`; rejects with the signal's reason when aborted. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};

export const systemTimers: Timers = {
  after(delayMs, run) {
    const handle = setTimeout(run, delayMs);
    return { cancel: () => clearTimeout(handle) };
  },
  sleep(delayMs, signal) {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const onAbort = () => {
        clearTimeout(handle);
        reject(signal?.reason);
      };
      const handle = setTimeout(() => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      }, delayMs);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  },
};
