import { AppError } from '#runtime';
import { textOf } from '../path-text.ts';

/** The paths to back up as a tree of names: what of a folder is asked for. */
export interface TopPath {
  /** Itself asked for, with everything below it. */
  isTop: boolean;
  readonly below: Map<string, TopPath>;
}

/** Absolute paths without trailing, doubled or '.' parts, sorted, each once. Throws AppError `bad_path`. */
export function plainPaths(paths: readonly Uint8Array[]): string[] {
  if (paths.length === 0) throw badPath('no path to back up was given', 'Name at least one file or folder.');
  return [...new Set(paths.map((path) => plainPath(textOf(path))))].sort();
}

function plainPath(path: string): string {
  const advice = 'Give the absolute path as the file system knows it, without "..".';
  if (!path.startsWith('/')) throw badPath(`"${path}" is no absolute path`, advice);
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  // Behind a symbolic link '..' leads elsewhere than its text says.
  if (parts.includes('..')) throw badPath(`"${path}" goes up with ".."`, advice);
  return `/${parts.join('/')}`;
}

function badPath(message: string, advice: string): AppError {
  return new AppError(message, { code: 'bad_path', advice });
}

/** The tree of `paths`, from '/'. */
export function topTree(paths: readonly string[]): TopPath {
  const root: TopPath = { isTop: false, below: new Map() };
  for (const path of paths) {
    let at = root;
    for (const name of path.split('/').filter((part) => part !== '')) {
      const next = at.below.get(name) ?? { isTop: false, below: new Map() };
      at.below.set(name, next);
      at = next;
    }
    at.isTop = true;
  }
  return root;
}

/** The node of `path` in a tree. */
export function topAt(root: TopPath, path: string): TopPath | undefined {
  let at: TopPath | undefined = root;
  for (const name of path.split('/').filter((part) => part !== '')) at = at?.below.get(name);
  return at;
}

/** Those of the sorted `paths` that lie below no other. */
export function outermost(paths: readonly string[]): string[] {
  const kept: string[] = [];
  for (const path of paths) {
    const covered = kept.some((other) => other === '/' || path.startsWith(`${other}/`));
    if (!covered) kept.push(path);
  }
  return kept;
}
