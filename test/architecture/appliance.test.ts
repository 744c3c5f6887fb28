import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'smol-toml';
import { readText } from './repository.ts';

const missing = spawnSync('systemd-analyze', ['--version']).error && 'needs systemd-analyze';

/** systemd-analyze on our unit, which names another executable: ours is installed in no place that it would accept. */
function analyze(...verb: string[]): { status: number | null; output: string } {
  const folder = mkdtempSync(join(tmpdir(), 'sitepair-unit-'));
  try {
    const unit = join(folder, 'sitepair.service');
    const text = readText('appliance/systemd/sitepair.service');
    writeFileSync(
      unit,
      text.replace(/^ExecStart=\/usr\/lib\/sitepair\/apps\/sitepair\/sitepair /m, 'ExecStart=/bin/true '),
    );
    const { status, stdout, stderr } = spawnSync('systemd-analyze', [...verb, unit], { encoding: 'utf8' });
    return { status, output: stdout + stderr };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('systemd accepts the unit', { skip: missing ?? false }, () => {
  assert.deepEqual(analyze('verify', '--man=no'), { status: 0, output: '' });
});

test("the unit's exposure stays at most 1.5 of 10", { skip: missing ?? false }, () => {
  const { status, output } = analyze('security', '--offline=yes', '--threshold=15');
  assert.equal(status, 0, output);
});

test('the default configuration is TOML', () => {
  assert.deepEqual(Object.keys(parse(readText('appliance/sitepair.toml'))), ['listen', 'log_level']);
});
