import type { LimitInForce } from './readings.ts';
import { type LocalWindow, windowsAround } from './window-times.ts';

/** How fast a link may go at certain hours of certain days. */
export interface BandwidthWindow extends LocalWindow {
  readonly bytesPerSecond: number;
}

/** Until when something holds: seconds since 1970; absent: until somebody takes it back. */
export interface Until {
  readonly untilSeconds?: number;
}

/** What a site has decided about the bandwidth of a link or of its uplink. Rates in bytes a second, Infinity for no limit. */
export interface LimitPolicy {
  /** An IANA name: the hours of windows are those of its clocks. */
  readonly timeZone: string;
  readonly bytesPerSecond: number;
  readonly windows: readonly BandwidthWindow[];
  readonly override?: (Until & { readonly bytesPerSecond: number }) | undefined;
  readonly pause?: Until | undefined;
}

/** Windows repeat each week. */
const lookAheadDays = 8;

/** The limit of a policy at an instant: a pause goes before an override, that before windows (the lowest of them), those before the default. */
export function limitAt(policy: LimitPolicy, instant: Temporal.Instant): LimitInForce {
  if (holds(policy.pause, instant)) return { bytesPerSecond: 0, why: 'pause' };
  if (holds(policy.override, instant)) return { bytesPerSecond: policy.override.bytesPerSecond, why: 'override' };
  const open = policy.windows.filter((window) =>
    windowsAround(window, policy.timeZone, instant, 1).some(
      ({ start, end }) => Temporal.Instant.compare(start, instant) <= 0 && Temporal.Instant.compare(instant, end) < 0,
    ),
  );
  if (open.length > 0) return { bytesPerSecond: Math.min(...open.map((one) => one.bytesPerSecond)), why: 'window' };
  return {
    bytesPerSecond: policy.bytesPerSecond,
    why: policy.bytesPerSecond === Number.POSITIVE_INFINITY ? 'none' : 'default',
  };
}

/** The first instant after `instant` at which the limit is another, or for another reason; undefined when it never will be. */
export function nextChange(policy: LimitPolicy, instant: Temporal.Instant): Temporal.Instant | undefined {
  const now = limitAt(policy, instant);
  const edges = policy.windows
    .flatMap((window) => windowsAround(window, policy.timeZone, instant, lookAheadDays))
    .flatMap(({ start, end }) => [start, end]);
  for (const until of [policy.override, policy.pause]) {
    if (until?.untilSeconds !== undefined) edges.push(atSeconds(until.untilSeconds));
  }
  // A pause or override that ends in a month hides all windows until then.
  const ends = edges.filter((edge) => Temporal.Instant.compare(edge, instant) > 0).sort(Temporal.Instant.compare);
  return ends.find((edge) => {
    const then = limitAt(policy, edge);
    return then.bytesPerSecond !== now.bytesPerSecond || then.why !== now.why;
  });
}

function holds<T extends Until>(until: T | undefined, instant: Temporal.Instant): until is T {
  if (until === undefined) return false;
  return until.untilSeconds === undefined || Temporal.Instant.compare(instant, atSeconds(until.untilSeconds)) < 0;
}

function atSeconds(seconds: number): Temporal.Instant {
  return Temporal.Instant.fromEpochMilliseconds(seconds * 1000);
}
