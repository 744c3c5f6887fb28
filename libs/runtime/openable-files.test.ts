import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { assertOpenable, lmdbFiles } from './openable-files.ts';

const root = mkdtempSync(join(tmpdir(), 'sitepair-openable-'));
after(() => rmSync(root, { recursive: true }));

test('files that can be opened are there afterwards, and no descriptor stays open', () => {
  const before = readdirSync('/proc/self/fd').length;
  assertOpenable(lmdbFiles(join(root, 'index.mdb')));
  assert.deepEqual(readdirSync(root).sort(), ['index.mdb', 'index.mdb-lock']);
  assert.equal(readdirSync('/proc/self/fd').length, before);
});

test('one that cannot be opened is told, and leaves no descriptor open either', () => {
  const before = readdirSync('/proc/self/fd').length;
  mkdirSync(join(root, 'folder'));
  assert.throws(() => assertOpenable([join(root, 'file'), join(root, 'folder')]), { code: 'EISDIR' });
  assert.equal(readdirSync('/proc/self/fd').length, before);
});
