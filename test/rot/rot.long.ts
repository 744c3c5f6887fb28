import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nameOf, rot, tellCounts, tellWrong } from './rot.ts';

test('every byte class of a state, with every damage, is told, healed or refused; no wrong byte comes back', async () => {
  const results = await rot(() => true, {
    onResult: ({ rotCase, verdict }) => {
      if (verdict.wrong !== undefined) console.log(`${nameOf(rotCase)}: ${verdict.wrong.slice(0, 500)}`);
    },
  });
  console.log(tellCounts(results));
  const possible = results.filter(({ verdict }) => verdict.outcome !== 'not possible');
  const count = (outcome: string) => possible.filter(({ verdict }) => verdict.outcome === outcome).length;
  const outcomes = ['refused', 'said and healed', 'said', 'nothing to see'].map((one) => `${count(one)} ${one}`);
  console.log(
    `${new Set(results.map(({ rotCase }) => rotCase.place.name)).size} byte classes, ${possible.length} damages: ${outcomes.join(', ')}`,
  );
  assert.equal(tellWrong(results), '');
});
