import { test } from 'node:test';
import { survivesCuts } from './power-cuts.ts';

const plans = [
  { scenario: 'volumes', count: 60, seed: 11, telling: true, everyUpTo: 16 },
  { scenario: 'store', count: 40, seed: 12 },
  { scenario: 'pair', count: 60, seed: 13, telling: true },
  { scenario: 'blind', count: 25, seed: 14 },
  { scenario: 'rot', count: 25, seed: 15 },
  { scenario: 'rebuild', count: 25, seed: 16 },
  { scenario: 'agent', count: 12, seed: 17, telling: true },
  { scenario: 'killed-store', count: 20, seed: 18 },
  { scenario: 'killed-site', count: 25, seed: 19 },
];

for (const plan of plans) test(`power cuts of ${plan.scenario}`, (t) => survivesCuts(t, plan));
