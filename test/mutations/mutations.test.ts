import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { mutated, repository } from './mutated-copy.ts';
import { mutations } from './mutation-list.ts';

test('each mutation still has its place in the code, and tests that are there', () => {
  for (const mutation of mutations) {
    const text = readFileSync(join(repository, mutation.file), 'utf8');
    assert.notEqual(mutated(text, mutation), text, mutation.name);
    for (const pattern of mutation.tests)
      assert.ok(globSync(pattern, { cwd: repository }).length > 0, `${pattern} names no test for "${mutation.name}"`);
  }
});

test('no two mutations go by one name, and there are at least thirty', () => {
  assert.equal(new Set(mutations.map(({ name }) => name)).size, mutations.length);
  assert.ok(mutations.length >= 30);
});
