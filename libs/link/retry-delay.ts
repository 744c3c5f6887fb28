import type { Random } from '#runtime';

const firstDelayMs = 1000;
const longestDelayMs = 60_000;

/**
 * How long to wait before the next attempt after so many failures in a row: 1 s doubling to 60 s, of which half is chance,
 * so that two sites that lost each other do not dial in step.
 */
export function retryDelayMs(failures: number, random: Random): number {
  const fullMs = Math.min(longestDelayMs, firstDelayMs * 2 ** Math.max(0, Math.min(failures, 16) - 1));
  return fullMs * (0.5 + random.fraction() / 2);
}
