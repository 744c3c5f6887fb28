import { test } from 'node:test';
import { survivesMishaps, survivesReplayedKills } from './mishaps.ts';

const plans = [
  { scenario: 'store', what: 'kill', count: 3, seed: 21 },
  { scenario: 'pair', what: 'kill', count: 3, seed: 22 },
  { scenario: 'store', what: 'fail', count: 2, seed: 23 },
  { scenario: 'pair', what: 'fail read', count: 2, seed: 24 },
] as const;
for (const plan of plans) test(`${plan.what}s of ${plan.scenario}`, (t) => survivesMishaps(t, plan));

const replayed = ['store', 'pair', 'blind', 'rot', 'rebuild', 'agent'];
for (const [i, scenario] of replayed.entries())
  test(`kills of ${scenario} by recordings`, (t) => survivesReplayedKills(t, { scenario, count: 25, seed: 31 + i }));
