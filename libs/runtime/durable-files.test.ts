import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { makeFolderDurably, removeFileDurably, writeFileDurably } from './durable-files.ts';

const root = mkdtempSync(join(tmpdir(), 'sitepair-durable-'));
after(() => rmSync(root, { recursive: true }));

test('a folder is made with all that is missing above it, for its owner only, and one that is there is left alone', () => {
  const deep = join(root, 'a', 'b', 'c');
  makeFolderDurably(deep);
  for (const one of [join(root, 'a'), join(root, 'a', 'b'), deep]) assert.equal(statSync(one).mode & 0o777, 0o700);
  makeFolderDurably(`${deep}/../c/`);
  makeFolderDurably(root);
});

test('a file in the way is told', () => {
  writeFileSync(join(root, 'file'), '');
  assert.throws(() => makeFolderDurably(join(root, 'file')), { code: 'state_write_failed' });
  assert.throws(() => writeFileDurably(join(root, 'file', 'below'), ''), { code: 'state_write_failed' });
});

test('a file is removed once and for all, and what cannot be removed is told', () => {
  const file = join(root, 'gone');
  writeFileDurably(file, 'x');
  removeFileDurably(file);
  removeFileDurably(file);
  assert.equal(existsSync(file), false);
  mkdirSync(file);
  assert.throws(() => removeFileDurably(file), { code: 'state_write_failed' });
});
