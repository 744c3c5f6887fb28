import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..', '..');

/**
 * Every code that the sources give to an error: what may be thrown at hostile input. Taken from the sources, so that a code
 * that somebody misspells is not known here either: each stands once where its error is made.
 */
export function knownCodes(): ReadonlySet<string> {
  const codes = new Set<string>();
  const patterns = [
    /\bcode: '([a-z0-9_]+)'/g,
    /new KeysError\(\s*'([a-z0-9_]+)'/g,
    /`replication_\$\{reason\}`/g,
    /\bcode: \w+ \?\? '([a-z0-9_]+)'/g,
  ];
  for (const path of globSync(['libs/**/*.ts', 'apps/**/*.ts'], { cwd: root })) {
    if (/\.(?:test|full|long)\.ts$|\/testing\//.test(path)) continue;
    const text = readFileSync(join(root, path), 'utf8');
    for (const pattern of patterns) for (const match of text.matchAll(pattern)) if (match[1]) codes.add(match[1]);
  }
  codes.add('replication_receiver_keeps_lacking').add('replication_unexpected_answer');
  // What failed in a way that nobody foresaw is what fuzzing looks for.
  codes.delete('internal');
  return codes;
}
