import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type FuzzOrder, fuzz, tellFailure, tellShare } from './fuzz.ts';

// One failing input again: SITEPAIR_FUZZ=TARGET:SEED. One target: SITEPAIR_FUZZ=TARGET. More inputs, or others:
// SITEPAIR_FUZZ_INPUTS, SITEPAIR_FUZZ_FROM.
const { SITEPAIR_FUZZ: chosen, SITEPAIR_FUZZ_INPUTS: inputs = '2000', SITEPAIR_FUZZ_FROM: from = '1' } = process.env;

function order(): FuzzOrder {
  const [only, seed] = chosen?.split(':') ?? [];
  return seed === undefined
    ? { inputs: Number(inputs), from: Number(from), only }
    : { inputs: 1, from: Number(seed), only };
}

test('a sample of hostile inputs is refused with typed errors, or taken for what it is', async () => {
  const { failures } = await fuzz(order(), (share) => console.log(tellShare(share)));
  assert.equal(failures.length, 0, failures.map(tellFailure).join('\n\n'));
});
