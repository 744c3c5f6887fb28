import type { DomainId, RecordId } from '#model';
import type { RecordStore } from './ports.ts';
import { missingIdsMax } from './protocol-limits.ts';
import type { VisibleIds } from './visible-ids.ts';
import { type WalkWatch, walkClosure } from './walk-closure.ts';

export interface ProofOptions extends WalkWatch {
  /** What is not in it counts as missing, too: nobody claims content that he has not shown to have. */
  readonly visible?: VisibleIds | undefined;
}

/**
 * Proves that everything below `root` is on stable storage here, level by level; what the proved `base` has at the same
 * level counts as proved. Returns what is missing, at most 4096 ids; nothing means: complete. Memory is bounded as
 * ClosureWalk says.
 */
export async function missingFrom(
  store: RecordStore,
  domainId: DomainId,
  root: RecordId,
  base: RecordId | undefined,
  { visible, ...watch }: ProofOptions = {},
): Promise<RecordId[]> {
  const missing: RecordId[] = [];
  for await (const step of walkClosure(store, domainId, root, base, watch)) {
    missing.push(...step.missing);
    if (visible !== undefined)
      for (const { ids } of step.records) missing.push(...ids.filter((id) => !visible.has(id)));
    if (missing.length >= missingIdsMax) break;
  }
  return missing.slice(0, missingIdsMax);
}
