import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fuzz, tellFailure, tellShare } from './fuzz.ts';

// One failing input again: SITEPAIR_FUZZ=TARGET:SEED; more or other inputs: SITEPAIR_FUZZ_INPUTS, SITEPAIR_FUZZ_FROM.
const { SITEPAIR_FUZZ: replay, SITEPAIR_FUZZ_INPUTS: inputs = '15000', SITEPAIR_FUZZ_FROM: from = '1' } = process.env;

test('a sample of hostile inputs is refused with typed errors, or taken for what it is', async () => {
  const [only, number] = replay?.split(':') ?? [];
  const order =
    replay === undefined ? { inputs: Number(inputs), from: Number(from) } : { inputs: 1, from: Number(number) };
  const { failures } = await fuzz({ ...order, only }, (share) => console.log(tellShare(share)));
  assert.equal(failures.length, 0, failures.map(tellFailure).join('\n\n'));
});
