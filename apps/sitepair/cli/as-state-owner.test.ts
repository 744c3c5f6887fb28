import assert from 'node:assert/strict';
import { chownSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { asStateOwner } from './as-state-owner.ts';

const who = () => [process.geteuid?.(), process.getegid?.()];
const isRoot = process.geteuid?.() === 0;

test('root makes files of a state as its owner, and is root again afterwards, also after a failure', {
  skip: isRoot ? false : 'needs root',
}, async () => {
  const state = mkdtempSync(join(tmpdir(), 'sitepair-owner-'));
  try {
    chownSync(state, 12_345, 12_346);
    assert.deepEqual(await asStateOwner(state, async () => who()), [12_345, 12_346]);
    assert.deepEqual(who(), [0, 0]);
    await assert.rejects(
      asStateOwner(state, () => Promise.reject(new Error('full'))),
      /full/,
    );
    assert.deepEqual(who(), [0, 0]);
  } finally {
    rmSync(state, { recursive: true });
  }
});

test('a state that is not there yet becomes that of whoever makes it', async () => {
  const before = who();
  assert.deepEqual(await asStateOwner(join(tmpdir(), 'sitepair-not-there'), async () => who()), before);
});
