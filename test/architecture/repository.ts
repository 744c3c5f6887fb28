import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The repository's root folder. */
export const root = dirname(dirname(import.meta.dirname));

/** Paths from the root that match `patterns`, sorted, without what is installed or compiled by another compiler. */
export function findFiles(patterns: readonly string[]): string[] {
  return globSync(patterns, {
    cwd: root,
    exclude: ['**/node_modules/**', '**/assembly/**', '**/*.generated.*'],
  }).sort();
}

export function readText(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}
