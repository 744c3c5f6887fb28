import { spawnSync } from 'node:child_process';

/** Writes out what the step before has left in the page cache, so that it does not burden the next one. */
export function flushToDisk(): void {
  const { status, error } = spawnSync('sync');
  if (status !== 0) throw new Error('sync failed', { cause: error });
}
