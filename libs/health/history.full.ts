import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fields, type HealthCounts } from './counts.ts';
import { HealthHistory, historyBytesMax } from './history.ts';

const folder = mkdtempSync(join(tmpdir(), 'sitepair-health-month-'));
after(() => rmSync(folder, { recursive: true }));
const south = new Uint8Array(16).fill(2);
const start = 1_800_000_000;

test('a month of full rows stays within its bound, with the seconds of an hour, the minutes and the hours', async () => {
  const days = 31;
  await using history = HealthHistory.open(folder);
  // Every field with all its bits: no row can be larger.
  const full: HealthCounts = Object.fromEntries(fields.map((name, i) => [name, 1_000_003 * (i + 1)]));
  const now = start + days * 86_400;
  for (let at = start; at < now; at += 60) {
    history.add(south, at, full);
    if (at % 3600 === 0) history.flush();
  }
  for (let at = now - 7200; at < now; at++) history.add(south, at, { sentBytes: 1 });
  history.flush();
  const bytes = readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
  assert.ok(bytes < historyBytesMax, `${bytes} bytes`);
  const each = full.sentBytes ?? 0;
  const expected = (minutes: number, seconds: number) => minutes * each + seconds;
  const { points } = history.query(south, { from: start, to: now, now }, 3600);
  const sum = points.reduce((total, { counts }) => total + (counts.sentBytes ?? 0), 0);
  assert.equal(sum, expected(days * 1440, 7200));
  const minutes = history.query(south, { from: now - 86_400, to: now, now });
  assert.equal(minutes.stepSeconds, 60);
  assert.equal(minutes.points.length, 1440);
  const seconds = history.query(south, { from: now - 1800, to: now, now });
  assert.equal(seconds.stepSeconds, 1);
  assert.equal(seconds.points.length, 1800);
  const old = history.query(south, { from: start, to: start + 3600, now }, 1);
  assert.equal(old.stepSeconds, 3600, 'minutes of 31 days ago are gone, the hour is there');
});
