import { statSync } from 'node:fs';
import { equalBytes, isAppError, toHex } from '#runtime';
import { logDamaged } from './catalog-errors.ts';
import type { IngestPorts } from './ingest.ts';
import { listLogs, logPath, syncLogs, truncateLog } from './log-files.ts';

/** Errors behind which memory, views and logs cannot be brought together without a restart. */
const incurable: ReadonlySet<string> = new Set(['catalog_closed', 'catalog_views_damaged']);

/** True when `mendLogs` may help after this error. */
export function isCurable(error: unknown): boolean {
  return !isAppError(error) || !incurable.has(error.code);
}

/**
 * After a write that failed: takes what the views have, cuts off the logs what they do not know, which nobody was told of,
 * and has the disk show that it takes writes again. Throws what it refuses, and `catalog_log_damaged` where a restart must
 * look.
 */
export async function mendLogs({ folder, chains, trust, sites }: Omit<IngestPorts, 'beforeWrite'>): Promise<void> {
  chains.reload();
  trust.reload();
  sites.reload();
  const { logs, damaged } = listLogs(folder);
  for (const name of logs) {
    const path = logPath(folder, name);
    const known = chains.find(name.siteId, name.incarnationId)?.logBytes ?? 0;
    const { size } = statSync(path);
    // Behind the gap in a damaged log lie batches that count again once it is filled.
    const isSuspect = damaged.some((one) => equalBytes(one.name.incarnationId, name.incarnationId));
    if (size < known || (size > known && isSuspect)) throw logDamaged(toHex(name.siteId), name.number);
    if (size > known) await truncateLog(path, known);
  }
  await syncLogs(folder, logs);
  await sites.settleAll();
}
