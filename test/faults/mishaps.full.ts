import { test } from 'node:test';
import { survivesMishaps } from './mishaps.ts';

const plans = [
  { scenario: 'store', what: 'kill', count: 12, seed: 21 },
  { scenario: 'pair', what: 'kill', count: 12, seed: 22 },
  { scenario: 'rot', what: 'kill', count: 6, seed: 23 },
  { scenario: 'rebuild', what: 'kill', count: 6, seed: 24 },
  { scenario: 'agent', what: 'kill', count: 6, seed: 25 },
] as const;

for (const plan of plans) test(`kills of ${plan.scenario}`, (t) => survivesMishaps(t, plan));
