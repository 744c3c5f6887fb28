import { closeSync, openSync } from 'node:fs';

/**
 * Throws what the system says when these files cannot all be opened for writing at once, each as often as it is named; makes
 * those that are missing, for their owner only. For libraries that end the process when they cannot open a file.
 */
export function assertOpenable(paths: readonly string[]): void {
  const descriptors: number[] = [];
  try {
    for (const path of paths) descriptors.push(openSync(path, 'a', 0o600));
  } finally {
    for (const descriptor of descriptors) closeSync(descriptor);
  }
}

/** The descriptors that LMDB takes for a database in one file: its lock, its pages, and its pages written through. */
export function lmdbFiles(path: string): readonly string[] {
  return [`${path}-lock`, path, path];
}
