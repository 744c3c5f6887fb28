import type { Moment } from '#catalog';
import type { Clock } from '#runtime';

/** The wall clock's time as the catalog writes it. */
export function momentNow(clock: Clock): Moment {
  const nowMs = clock.nowMs();
  return { seconds: Math.floor(nowMs / 1000), nanos: Math.floor(nowMs % 1000) * 1_000_000 };
}
