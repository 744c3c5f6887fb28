import { test } from 'node:test';
import { survivesCuts } from './power-cuts.ts';
import { scenarios } from './scenarios/all.ts';

// FAULTS_STATES cuts in all, over every scenario; FAULTS_FOLDER may name a folder in memory.
const count = Math.ceil(Number(process.env.FAULTS_STATES ?? 100_000) / scenarios.length);
const seed = Number(process.env.FAULTS_SEED ?? 1);

for (const { name } of scenarios)
  test(`${count} power cuts of ${name}`, (t) =>
    survivesCuts(t, { scenario: name, count, seed, telling: true, recordings: Math.ceil(count / 1500) }));
