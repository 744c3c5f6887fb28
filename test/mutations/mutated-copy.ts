import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Mutation } from './mutation-list.ts';

export const repository = join(import.meta.dirname, '..', '..');

/** What the tests need beside node_modules. */
const copied = ['apps', 'libs', 'proto', 'test', 'appliance', 'docs', 'README.md', 'CHANGELOG.md', 'LICENSE', '.ci'];
const configuration = ['package.json', 'package-lock.json', 'tsconfig.json', 'biome.json'];

/** A copy of the repository to break things in; the one that is worked on is never touched. */
export class MutatedCopy implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'sitepair-mutation-'));

  constructor() {
    for (const name of [...copied, ...configuration])
      cpSync(join(repository, name), join(this.path, name), { recursive: true });
    symlinkSync(join(repository, 'node_modules'), join(this.path, 'node_modules'));
  }

  /** Runs `work` while the mutation is in the code, and takes it out again. */
  with<T>(mutation: Mutation, work: () => T): T {
    const file = join(this.path, mutation.file);
    const original = readFileSync(file, 'utf8');
    writeFileSync(file, mutated(original, mutation));
    try {
      return work();
    } finally {
      writeFileSync(file, original);
    }
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** The text with the mutation in it. Throws when the place is not there exactly once: the code has changed, the list has not. */
export function mutated(text: string, { name, file, from, to }: Mutation): string {
  const parts = text.split(from);
  if (parts.length !== 2) throw new Error(`${file} has ${parts.length - 1} places for "${name}"`);
  return parts.join(to);
}
