import { currentFolder, isPosixError, lstatBytes, openAt, openFlag } from '#posix';
import { AppError } from '#runtime';
import { bytesOf } from '../path-text.ts';
import { ContentCutter } from './content-cutter.ts';
import { FileEntries } from './file-entries.ts';
import { PreviousTree } from './previous-tree.ts';
import type { SnapshotOptions, SnapshotResult } from './snapshot-options.ts';
import { SnapshotRun } from './snapshot-run.ts';
import { outermost, plainPaths, topAt, topTree } from './top-paths.ts';
import { TreeWalk } from './tree-walk.ts';

/**
 * Takes a snapshot of `paths` with the caller's rights: walks, reads what changed, sends what the sink lacks, children
 * before parents, the manifest last. A file or folder that cannot be read is in `problems` and marked in the tree; the
 * promise rejects with AppError `bad_path` or `path_unreadable` when one of the paths itself is not there, with the
 * sink's error when the sink fails, with the signal's reason when aborted.
 */
export async function takeSnapshot(options: SnapshotOptions): Promise<SnapshotResult> {
  const paths = plainPaths(options.paths);
  const { rootPath, rootIsVirtual } = chooseRoot(paths);
  const { excludes = [], oneFileSystem = false, excludeCaches = false } = options;
  const previous = new PreviousTree(options.previous);

  const run = new SnapshotRun(options);
  const files = new FileEntries(run, new ContentCutter(options.chunkerKey, run), previous);
  const walk = new TreeWalk(run, { excludes, oneFileSystem, excludeCaches }, files, previous);
  const wanted = topAt(topTree(paths), rootPath) ?? topTree(paths);
  const root = await walk.root(openRoot(rootPath), rootPath, wanted);
  return run.finish({
    root,
    rootIsVirtual,
    paths: paths.map(bytesOf),
    excludePatterns: [...excludes],
    oneFileSystem,
  });
}

/** FORMAT.md section 5: one path that is a directory is itself the root. */
function chooseRoot(paths: readonly string[]): { readonly rootPath: string; readonly rootIsVirtual: boolean } {
  const kinds = new Map(paths.map((path) => [path, kindOfPath(path)]));
  const [first, second] = outermost(paths);
  if (first !== undefined && second === undefined && kinds.get(first) === 'directory') {
    return { rootPath: first, rootIsVirtual: false };
  }
  return { rootPath: '/', rootIsVirtual: true };
}

function kindOfPath(path: string): string {
  try {
    return lstatBytes(bytesOf(path)).kind;
  } catch (error) {
    throw pathUnreadable(path, error);
  }
}

function openRoot(path: string): number {
  try {
    return openAt(currentFolder, bytesOf(path), openFlag.read | openFlag.directory);
  } catch (error) {
    throw pathUnreadable(path, error);
  }
}

function pathUnreadable(path: string, error: unknown): unknown {
  if (!isPosixError(error)) return error;
  return new AppError(`"${Buffer.from(path, 'latin1').toString()}" cannot be backed up: ${error.message}`, {
    code: 'path_unreadable',
    advice: 'Check that the path exists and that the user who backs it up may read it.',
    details: { errno: error.code },
    cause: error,
  });
}
