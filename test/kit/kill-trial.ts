import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { systemTimers } from '#runtime';
import type { TestSite } from './test-site.ts';

const program = join(import.meta.dirname, '..', '..', 'apps', 'sitepair', 'main.ts');

/** Deterministic numbers in [0, 1) from a seed (mulberry32): a failing run is repeated with the seed it printed. */
export function seededFractions(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Starts a command on a serving site, kills the site's process after `delayMs`, and tells how the command ended. */
export async function killDuring(
  site: TestSite,
  victim: TestSite,
  args: readonly string[],
  delayMs: number,
): Promise<number | null> {
  const child = spawn(process.execPath, [program, ...args, '--state', site.state], { stdio: 'ignore' });
  const ended = once(child, 'close') as Promise<[number | null]>;
  await systemTimers.sleep(delayMs);
  await victim.kill();
  // A replication waits for its peer to come back; the trial does not.
  const patience = systemTimers.sleep(500).then(() => child.kill('SIGKILL'));
  const [code] = await ended;
  await patience;
  return code;
}
