import { type Entry, EntryKind } from '#model';
import type { Folder } from '../open-folders.ts';
import { textOf } from '../path-text.ts';
import { findPath } from '../tree/find-entry.ts';
import type { RestoreOptions, RestoreReport } from './restore-options.ts';
import { RestoreRun } from './restore-run.ts';
import { RestoredFolder } from './restored-folder.ts';
import { openTarget, type TargetFolder } from './target-folder.ts';
import { TreeRestore } from './tree-restore.ts';

/**
 * Writes a snapshot, or a part of it, into a folder; never outside of it, whatever links lie in the way. Files appear
 * under their name when they are complete, folders get their metadata after their content. What could not be restored as it was is
 * in the report's problems. Broken off (abort, crash, full disk: AppError `target_full`), the same call goes on where it
 * stopped. Rejects with AppError `not_in_snapshot`, `target_not_empty`, `target_unusable`, the source's error, or the
 * signal's reason.
 */
export async function restoreSnapshot(options: RestoreOptions): Promise<RestoreReport> {
  const entry = await findPath(options.source, options.manifest, options.subPath ?? new Uint8Array(0));
  const target = openTarget(options);
  const run = new RestoreRun(options);
  const root = target === undefined ? undefined : run.folders.root(target.descriptor);
  try {
    await restoreInto(run, target, root, entry);
  } finally {
    run.folders.closeAll();
    if (root !== undefined) run.folders.close(root);
  }
  const { report } = run;
  if (report.ownersNotSet > 0) {
    run.problem('', 'owners_not_set', `${report.ownersNotSet} belong to others: only root can give files away`);
  }
  options.onProgress?.(report);
  return report;
}

async function restoreInto(
  run: RestoreRun,
  target: TargetFolder | undefined,
  root: Folder | undefined,
  entry: Entry,
): Promise<void> {
  const restore = new TreeRestore(run, target?.policy ?? 'overwrite');
  try {
    const top = root === undefined ? undefined : await topFolder(run, root, entry, target);
    if (entry.kind === EntryKind.directory) await restore.content(top, entry, '');
    else await restore.entry(top, entry, textOf(entry.name));
    await restore.finish();
    if (run.options.dryRun === true) return;
    // The mark goes before the folder's time is set, which its going would change.
    target?.unmark();
    top?.release();
  } catch (error) {
    await restore.abandon();
    throw error;
  }
}

/** The target as the folder that a restored directory becomes: with its metadata, unless existing things stay. */
async function topFolder(
  run: RestoreRun,
  root: Folder,
  entry: Entry,
  target: TargetFolder | undefined,
): Promise<RestoredFolder> {
  const { manifest, dryRun } = run.options;
  const isVirtual = entry === manifest.root && manifest.rootIsVirtual;
  const becomesIt =
    entry.kind === EntryKind.directory && !isVirtual && target?.policy === 'overwrite' && dryRun !== true;
  const metadata = becomesIt ? { entry, xattrs: await run.xattrs(entry, '') } : undefined;
  return new RestoredFolder(run, {
    folder: root,
    path: '',
    parent: undefined,
    metadata,
    isNew: target?.isEmpty === true,
  });
}
