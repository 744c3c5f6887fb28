import type { Clock, Timers } from '#runtime';

/** Decides when bulk bytes may go: the place of the bandwidth limit. */
export interface Pacer {
  /** Undefined: `bytes` may go now. Else they may go once the promise resolves; it never rejects. */
  admit(bytes: number): Promise<void> | undefined;
}

/** No limit. */
export const unlimited: Pacer = { admit: () => undefined };

export interface TokenBucketOptions {
  readonly rateBytesPerSecond: number;
  /** What may go at once after a pause. */
  readonly burstBytes: number;
}

export interface TokenBucket extends Pacer {
  /** Holds from now on, also for those who wait already. */
  setRate(rateBytesPerSecond: number): void;
}

/** A token bucket; those who wait are served in order. A request larger than the burst waits until the debt is paid. */
export function tokenBucket(options: TokenBucketOptions, clock: Clock, timers: Timers): TokenBucket {
  let { rateBytesPerSecond } = options;
  let tokens = options.burstBytes;
  let countedMs = clock.monotonicMs();
  let timer: { cancel(): void } | undefined;
  const waiting: { readonly bytes: number; readonly resolve: () => void }[] = [];

  const refill = () => {
    const nowMs = clock.monotonicMs();
    tokens = Math.min(options.burstBytes, tokens + ((nowMs - countedMs) / 1000) * rateBytesPerSecond);
    countedMs = nowMs;
  };
  const serve = () => {
    timer?.cancel();
    timer = undefined;
    refill();
    while (tokens > 0) {
      const next = waiting.shift();
      if (next === undefined) return;
      tokens -= next.bytes;
      next.resolve();
    }
    // One millisecond more than the debt takes, so that a timer that fires early does not find it unpaid.
    if (waiting.length > 0) timer = timers.after(1 + (-tokens / rateBytesPerSecond) * 1000, serve);
  };

  return {
    admit(bytes) {
      refill();
      if (waiting.length === 0 && tokens > 0) {
        tokens -= bytes;
        return undefined;
      }
      return new Promise((resolve) => {
        waiting.push({ bytes, resolve });
        if (timer === undefined) serve();
      });
    },
    setRate(rate) {
      refill();
      rateBytesPerSecond = rate;
      if (waiting.length > 0) serve();
    },
  };
}
