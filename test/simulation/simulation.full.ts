import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runSimulation } from './run-simulation.ts';

test('a minute and a half of simulated realms, two to five sites each, breaks no invariant', async (t) => {
  const { code, text } = await runSimulation('--seeds', '1000..', '--days', '12', '--seconds', '80');
  for (const line of text.trim().split('\n')) t.diagnostic(line);
  assert.equal(code, 0, text);
});
