import { systemClock, systemTimers } from '#runtime';
import { DemoFailure } from './demo-failure.ts';

// Far more than anything waited for takes, also on a machine that is very busy.
const patienceMs = 60_000;
const pollMs = 50;
// Heartbeats and polls of the catalog are less than this a minute: more of it is work that goes on.
const movingBytes = 500_000;

/**
 * Waits for something that the sites bring about by themselves. Throws `demo_failed` when a minute has passed in which
 * neither it came about nor anything to speak of crossed the line.
 */
export async function until(
  line: { readonly bytes: number },
  signal: AbortSignal,
  what: string,
  reached: () => boolean | Promise<boolean>,
): Promise<void> {
  let sinceMs = systemClock.monotonicMs();
  let bytes = line.bytes;
  while (!(await reached())) {
    if (line.bytes - bytes > movingBytes) {
      bytes = line.bytes;
      sinceMs = systemClock.monotonicMs();
    }
    if (systemClock.monotonicMs() - sinceMs > patienceMs) throw new DemoFailure(`waited in vain for ${what}`);
    await systemTimers.sleep(pollMs, signal);
  }
}
