import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { initialise } from './initialise.ts';
import { statePaths } from './state-folder.ts';

const program = join(import.meta.dirname, '..', 'main.ts');

test('an appliance that cannot be opened lets go of what was open, and its process ends', async () => {
  const state = join(mkdtempSync(join(tmpdir(), 'sitepair-open-')), 'north');
  try {
    await initialise({ state, siteName: 'north', address: '' });
    // What cannot be read as a file, as on a bad sector; it is read once everything else is open.
    const { sealedKeyring } = statePaths(state);
    rmSync(sealedKeyring);
    mkdirSync(sealedKeyring);
    const args = [program, 'serve', '--state', state, '--private'];
    const { status, stdout } = spawnSync(process.execPath, args, { input: '', encoding: 'utf8', timeout: 30_000 });
    assert.match(stdout, /"error"/);
    assert.equal(status, 1, 'it did not end by itself');
  } finally {
    rmSync(dirname(state), { recursive: true });
  }
});
