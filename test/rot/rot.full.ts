import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rot, tellCounts, tellWrong } from './rot.ts';

// Every twelfth case, other ones than those of the quick tier.
const oneOf = 12;

test('a twelfth of all byte classes and damages is told, healed or refused; no wrong byte comes back', async () => {
  const results = await rot((_, index) => index % oneOf === 5);
  console.log(tellCounts(results));
  assert.equal(tellWrong(results), '');
});
