import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fuzz, tellFailure, tellShare } from './fuzz.ts';

// SITEPAIR_FUZZ_INPUTS: how many; SITEPAIR_FUZZ_FROM: which; SITEPAIR_FUZZ: targets whose names begin so.
const { SITEPAIR_FUZZ_INPUTS = '10000000', SITEPAIR_FUZZ_FROM = '100000000', SITEPAIR_FUZZ: only } = process.env;

test('ten million hostile inputs are refused with typed errors or taken, in flat memory', async () => {
  const order = { inputs: Number(SITEPAIR_FUZZ_INPUTS), from: Number(SITEPAIR_FUZZ_FROM), only };
  const { shares, failures, rssSamples } = await fuzz(order, (share) => console.log(tellShare(share)));
  const tried = shares.reduce((sum, { inputs }) => sum + inputs, 0);
  const inMiB = (bytes: number | undefined) => Math.round((bytes ?? 0) / 2 ** 20);
  const tenths = Array.from({ length: 11 }, (_, i) => rssSamples[Math.floor((i * (rssSamples.length - 1)) / 10)]);
  console.log(`${tried} inputs to ${shares.length} targets from seed ${order.from}, ${failures.length} failures`);
  console.log(`resident memory in tenths of the time, MiB: ${tenths.map(inMiB).join(' ')}`);
  assert.equal(failures.length, 0, failures.map(tellFailure).join('\n\n'));
});
