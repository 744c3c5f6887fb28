import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fuzz, tellFailure, tellShare } from './fuzz.ts';

test('tens of thousands of hostile inputs, others than in the quick tier, are refused with typed errors or taken', async () => {
  const { failures } = await fuzz({ inputs: 60_000, from: 1_000_000 }, (share) => console.log(tellShare(share)));
  assert.equal(failures.length, 0, failures.map(tellFailure).join('\n\n'));
});
