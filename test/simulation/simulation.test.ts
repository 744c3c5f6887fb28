import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runSimulation } from './run-simulation.ts';

test('sites that are killed, cut off, set back and burnt keep what they acknowledged, and agree', async (t) => {
  const { code, text } = await runSimulation('--seeds', '1..3', '--days', '3', '--sites', '2');
  t.diagnostic(text.split('\n')[0] ?? '');
  assert.equal(code, 0, text);
});

test('a seed is the same run each time, to the last line of its trace', async () => {
  const run = () => runSimulation('--seed', '7', '--days', '1', '--sites', '2', '--digest');
  const [first, second] = [await run(), await run()];
  assert.equal(first.code, 0, first.text);
  assert.match(first.text, /^trace of seed 7: [0-9a-f]{16}$/m);
  assert.equal(second.text, first.text);
});
