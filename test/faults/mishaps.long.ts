import { test } from 'node:test';
import { survivesMishaps } from './mishaps.ts';

// FAULTS_KILLS, FAULTS_ERRORS and FAULTS_READS in all, over the scenarios; FAULTS_SEED.
const scenarios = ['store', 'pair', 'blind', 'rot', 'rebuild', 'agent'] as const;
const seed = Number(process.env.FAULTS_SEED ?? 1);
const share = (name: string, standard: number) => Math.ceil(Number(process.env[name] ?? standard) / scenarios.length);

for (const scenario of scenarios) {
  const [kills, errors] = [share('FAULTS_KILLS', 10_000), share('FAULTS_ERRORS', 2000)];
  const reads = share('FAULTS_READS', 1000);
  test(`${kills} kills of ${scenario}`, (t) => survivesMishaps(t, { scenario, what: 'kill', count: kills, seed }));
  test(`${errors} failing calls of ${scenario}`, (t) =>
    survivesMishaps(t, { scenario, what: 'fail', count: errors, seed }));
  test(`${reads} failing reads of ${scenario}`, (t) =>
    survivesMishaps(t, { scenario, what: 'fail read', count: reads, seed }));
}
