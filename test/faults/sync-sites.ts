import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A place in the code that makes something durable, and the code without that. */
export interface SyncSite {
  readonly file: string;
  readonly line: number;
  readonly text: string;
  readonly mutant: string;
}

const undurably =
  "((p, c) => { const f = process.getBuiltinModule('node:fs'); f.writeFileSync(`${p}.new`, c, { mode: 0o600 }); f.renameSync(`${p}.new`, p); })(";
const folderUndurably = "((p) => process.getBuiltinModule('node:fs').mkdirSync(p, { recursive: true, mode: 0o700 }))(";

/** What the code calls, and what the mutant does instead. */
const mutations: readonly (readonly [RegExp, string])[] = [
  [/\bawait (?:[\w.#]+)\.(?:sync|datasync)\(\)/g, 'undefined'],
  [/=> (?:[\w.#]+)\.(?:sync|datasync)\(\)/g, '=> Promise.resolve()'],
  [/\bfsyncSync\([^()]*\)/g, 'undefined'],
  [/\bawait syncFolderAsync\((?:[^()]|\([^()]*\))*\)/g, 'undefined'],
  [/=> syncFolderAsync\((?:[^()]|\([^()]*\))*\)/g, '=> Promise.resolve()'],
  [/\bsyncFolder\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)/g, 'undefined'],
  [/\bwriteFileDurably\(/g, undurably],
  [/\bmakeFolderDurably\(/g, folderUndurably],
];

/** Every sync in the code below `root`, of libraries and applications; declarations and tests are none. */
export function syncSites(root: string): SyncSite[] {
  const files = globSync('{libs,apps}/**/*.ts', { cwd: root }).sort();
  return files.filter(isProgram).flatMap((file) => sitesIn(file, readFileSync(join(root, file), 'utf8')));
}

function isProgram(file: string): boolean {
  return !/\.(?:test|full|long|fixture)\.ts$|\/testing\/|-conformance\.ts$/.test(file);
}

function sitesIn(file: string, source: string): SyncSite[] {
  const sites: SyncSite[] = [];
  for (const [pattern, replacement] of mutations) {
    for (const { index, 0: text } of source.matchAll(pattern)) {
      const before = source.slice(source.lastIndexOf('\n', index) + 1, index);
      if (/\bfunction $|^\s*(?:\*|\/\/)|^import |^export \{/.test(before)) continue;
      const mutant = source.slice(0, index) + replacement + source.slice(index + text.length);
      sites.push({ file, line: source.slice(0, index).split('\n').length, text: text.replace(/\($/, ''), mutant });
    }
  }
  return sites.sort((a, b) => a.line - b.line);
}
