import { test } from 'node:test';
import { survivesCuts } from './power-cuts.ts';

const plans = [
  { scenario: 'volumes', count: 100, seed: 11, telling: true, everyUpTo: 16 },
  { scenario: 'store', count: 60, seed: 12 },
  { scenario: 'pair', count: 60, seed: 13, telling: true },
  { scenario: 'blind', count: 50, seed: 14 },
  { scenario: 'rot', count: 50, seed: 15 },
  { scenario: 'rebuild', count: 50, seed: 16 },
  { scenario: 'agent', count: 20, seed: 17, telling: true },
  { scenario: 'killed-store', count: 30, seed: 18 },
  { scenario: 'killed-site', count: 40, seed: 19 },
];

for (const plan of plans) test(`power cuts of ${plan.scenario}`, (t) => survivesCuts(t, plan));
