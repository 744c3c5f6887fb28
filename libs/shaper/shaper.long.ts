import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runScenario } from './testing/scenario.ts';

const scenarios = 10_000;
const lengthMs = 4000;

test('10,000 random scenarios keep the guarantee of limits', (t) => {
  const breaches: string[] = [];
  for (let seed = 0; seed < scenarios; seed += 1) {
    const breach = runScenario(seed, lengthMs);
    if (breach !== undefined) breaches.push(`scenario ${seed}: ${breach}`);
  }
  t.diagnostic(`${scenarios} scenarios of ${lengthMs / 1000} s, ${breaches.length} breaches`);
  assert.deepEqual(breaches, []);
});
