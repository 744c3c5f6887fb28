import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  byteColumn,
  counted,
  formatBytes,
  formatCount,
  formatDataRate,
  formatDuration,
  formatLinkRate,
  formatTime,
} from './format.ts';

test('sizes have three figures and a decimal unit', () => {
  const cases: readonly (readonly [number, string])[] = [
    [0, '0 B'],
    [17, '17 B'],
    [999, '999 B'],
    [1000, '1.00 kB'],
    [1005, '1.00 kB'],
    [9994, '9.99 kB'],
    [9996, '10.0 kB'],
    [99_960, '100 kB'],
    [999_499, '999 kB'],
    [999_500, '1.00 MB'],
    [1_351_000_000, '1.35 GB'],
    [4_270_000_000_000, '4.27 TB'],
    [2.5e18, '2500 PB'],
  ];
  for (const [bytes, text] of cases) assert.equal(formatBytes(bytes), text);
  assert.equal(formatDataRate(540e6), '540 MB/s');
});

test('a column of sizes has one unit, and says when something is too small for it', () => {
  assert.deepEqual(byteColumn([4_270_000_000, 17, 0, 5_000_000]), {
    unit: 'GB',
    figures: ['4.27', '<0.01', '0.00', '0.01'],
  });
  assert.deepEqual(byteColumn([17, 0]), { unit: 'B', figures: ['17', '0'] });
  assert.deepEqual(byteColumn([]), { unit: 'B', figures: [] });
});

test('durations have at most two units', () => {
  const cases: readonly (readonly [number, string])[] = [
    [0, '0.0 s'],
    [0.44, '0.4 s'],
    [9.94, '9.9 s'],
    [9.96, '10 s'],
    [42, '42 s'],
    [59.6, '1 min'],
    [303, '5 min 3 s'],
    [3599.4, '59 min 59 s'],
    [3599.6, '1 h'],
    [19_260, '5 h 21 min'],
    [86_340, '23 h 59 min'],
    [86_399, '1 d'],
    [3 * 86_400 + 4 * 3600 + 60, '3 d 4 h'],
  ];
  for (const [seconds, text] of cases) assert.equal(formatDuration(seconds), text, `${seconds}`);
});

test('rates of links are in Mbit/s', () => {
  assert.equal(formatLinkRate(11_675_000), '93.4 Mbit/s');
  assert.equal(formatLinkRate(125_000_000), '1000 Mbit/s');
  assert.equal(formatLinkRate(0), '0.00 Mbit/s');
});

test('counts have separators, and one is singular', () => {
  assert.equal(formatCount(60_639), '60,639');
  assert.equal(counted(1, 'file'), '1 file');
  assert.equal(counted(0, 'entry', 'entries'), '0 entries');
  assert.equal(counted(1200, 'file'), '1,200 files');
});

test("times are this machine's wall clock, and what is no time stays as it is", () => {
  assert.equal(formatTime(new Date(2026, 0, 31, 8, 5).toISOString()), '2026-01-31 08:05');
  assert.equal(formatTime('never'), 'never');
});
