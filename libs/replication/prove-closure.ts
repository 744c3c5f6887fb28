import type { DomainId, RecordId } from '#model';
import type { RecordStore } from './ports.ts';
import type { VisibleIds } from './visible-ids.ts';
import { walkClosure } from './walk-closure.ts';

/** Missing ids named at once: one message's worth. */
const missingIdsMax = 4096;

/**
 * Proves that everything below `root` is on stable storage here, level by level; what the proved `base` has at the same
 * level counts as proved. Returns what is missing, at most `missingIdsMax` ids; nothing means: complete. With `visible`,
 * what is not in it counts as missing, too: nobody claims content that he has not shown to have.
 */
export async function missingFrom(
  store: RecordStore,
  domainId: DomainId,
  root: RecordId,
  base: RecordId | undefined,
  visible?: VisibleIds,
): Promise<RecordId[]> {
  const missing: RecordId[] = [];
  for await (const step of walkClosure(store, domainId, root, base)) {
    missing.push(...step.missing);
    if (visible !== undefined)
      for (const { ids } of step.records) missing.push(...ids.filter((id) => !visible.has(id)));
    if (missing.length >= missingIdsMax) break;
  }
  return missing.slice(0, missingIdsMax);
}
