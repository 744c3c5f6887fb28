import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemTimers } from '#runtime';
import { writeSeededFile } from '../kit/seeded-file.ts';
import { lineMissing } from '../kit/wan-line.ts';
import { LinePair } from './line-pair.ts';

const skip = lineMissing() ?? false;
const bytesPerMegabit = 125_000;

// How well a limit is filled is tested in limit.full.ts; this test is about whose limit holds.
const most = 1.04;
const least = 0.6;

test('a site keeps to what its peer takes in, changed live there; a pause there keeps the link', {
  skip,
}, async (t) => {
  await using pair = await LinePair.up('wan-receive', { megabits: 0, delayMs: 5 });
  const { north, south, line, folder } = pair;
  await north.ok('link', 'limit', 'south', '60 Mbit/s');
  await south.ok('link', 'limit', 'north', '8 Mbit/s', '--down');
  writeSeededFile(`${folder}/file`, 60e6, 1);
  await north.ok('backup', `${folder}/file`, '--dataset', 'file');
  await systemTimers.sleep(3000);

  // The line loses nothing: what north's interface puts on it, south takes in.
  const received = async (ms: number) => {
    const [before, startMs] = [line.a.sentBytes(), performance.now()];
    await systemTimers.sleep(ms);
    return ((line.a.sentBytes() - before) * 1000) / (performance.now() - startMs) / bytesPerMegabit;
  };
  for (const [megabits, set] of [
    [8, undefined],
    [24, '24 Mbit/s'],
    [4, '4 Mbit/s'],
  ] as const) {
    if (set !== undefined) await south.ok('link', 'limit', 'north', set, '--down');
    await systemTimers.sleep(500);
    const rate = await received(3000);
    t.diagnostic(`takes ${megabits} Mbit/s, got ${rate.toFixed(2)}`);
    assert.ok(rate <= most * megabits && rate >= least * megabits, `${rate} Mbit/s instead of ${megabits}`);
  }
  const limits = JSON.parse((await north.ok('--json', 'link', 'limits')).stdout);
  const toSouth = limits.limits.find(
    (limit: { peer?: string; direction: string }) => limit.peer === 'south' && limit.direction === 'up',
  );
  assert.deepEqual([toSouth.rate, toSouth.now, toSouth.why], ['60 Mbit/s', '4 Mbit/s', 'peer']);

  await south.ok('link', 'pause', 'north');
  await systemTimers.sleep(500);
  const paused = await received(3000);
  t.diagnostic(`paused: ${paused.toFixed(3)} Mbit/s`);
  // Heartbeats and small messages.
  assert.ok(paused < 0.3, `${paused} Mbit/s in a pause`);
  assert.match((await north.ok('link', 'status')).stdout, /up/);
  await south.ok('link', 'resume', 'north');
  await systemTimers.sleep(500);
  const resumed = await received(2000);
  assert.ok(resumed > least * 4, `${resumed} Mbit/s after a pause`);
});
