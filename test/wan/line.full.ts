import assert from 'node:assert/strict';
import { test } from 'node:test';
import { writeTree } from '../hostile/hostile-world.ts';
import { untilHeldBy } from '../kit/test-site.ts';
import { lineMissing } from '../kit/wan-line.ts';
import { LinePair } from './line-pair.ts';

test('two appliances replicate over a line of 100 Mbit/s with 50 ms there and back', {
  skip: lineMissing() ?? false,
}, async () => {
  await using pair = await LinePair.up('wan-line', { megabits: 100, delayMs: 25, lossPercent: 0.1 });
  const { north, line, folder } = pair;
  const before = line.a.sentBytes();
  await north.ok('backup', writeTree(`${folder}/tree`, 'far away'), '--dataset', 'tree');
  await north.ok('replicate');
  await untilHeldBy(north, 2);
  assert.ok(line.a.sentBytes() > before);
});
