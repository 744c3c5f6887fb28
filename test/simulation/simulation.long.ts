import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runSimulation } from './run-simulation.ts';

/** SITEPAIR_SITE_YEARS: how long; SITEPAIR_SEEDS: FROM.., to go on where another run ended. */
const years = process.env.SITEPAIR_SITE_YEARS ?? '20';
const seeds = process.env.SITEPAIR_SEEDS ?? '100000..';

test(`${years} site-years of simulated realms break no invariant`, async (t) => {
  const { code, text } = await runSimulation('--seeds', seeds, '--years', years, '--shrink');
  t.diagnostic(`SITEPAIR_SITE_YEARS=${years} SITEPAIR_SEEDS=${seeds}`);
  for (const line of text.trim().split('\n')) t.diagnostic(line);
  assert.equal(code, 0, text);
});
