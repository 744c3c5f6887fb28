import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { countLines, fileLinesMax, namedPaths, readmeLinesMax, tooLong } from './house.ts';
import { findFiles, readText, root } from './repository.ts';

test('no source file is too long', () => {
  const paths = findFiles([
    '{libs,apps,proto,test}/**/*.{ts,tsx,mjs,js,css,proto}',
    'apps/sitepair/sitepair',
    '.ci/run',
  ]);
  assert.ok(paths.length > 0, 'no file found');
  assert.deepEqual(paths.map((path) => tooLong(path, readText(path), fileLinesMax)).filter(Boolean), []);
});

test('every library has a short README', () => {
  const libraries = readdirSync(join(root, 'libs'));
  assert.ok(libraries.length > 0, 'no library found');
  const readmes = libraries.map((library) => `libs/${library}/README.md`);
  assert.deepEqual(
    readmes.filter((path) => !existsSync(join(root, path))),
    [],
  );
  assert.deepEqual(readmes.map((path) => tooLong(path, readText(path), readmeLinesMax)).filter(Boolean), []);
});

test('every repository path that the pages on how it is built name exists', () => {
  for (const page of ['docs/ARCHITECTURE.md', 'docs/guarantees.md']) {
    const paths = namedPaths(readText(page));
    assert.ok(paths.length > 0, `no path found in ${page}`);
    assert.deepEqual(
      paths.filter((path) => !existsSync(join(root, path))),
      [],
    );
  }
});

test('the length check can fail', () => {
  assert.equal(countLines('a\nb\n'), 2);
  assert.equal(countLines('a\nb'), 2);
  assert.equal(tooLong('a.ts', 'x\n'.repeat(400), 400), undefined);
  assert.equal(tooLong('a.ts', 'x\n'.repeat(401), 400), 'a.ts: 401 lines, at most 400');
});

test('paths are told from other code spans', () => {
  const page =
    'See `libs/store/`, `libs/link/open.ts:12`, `docs/a.md#part`, `.ci/run`, `libs/*`, `libs/NAME`, `npm test`, `#store`.\n';
  assert.deepEqual(namedPaths(`${page}\`\`\`\nlibs/in-a-block\n\`libs/in-a-block\`\n\`\`\`\n`), [
    'libs/store',
    'libs/link/open.ts',
    'docs/a.md',
    '.ci/run',
  ]);
});
