import { test } from 'node:test';
import { survivesMishaps, survivesReplayedKills } from './mishaps.ts';

// Each in all, over the scenarios: FAULTS_REPLAYED, kills by recordings; FAULTS_KILLS, of processes; FAULTS_ERRORS and
// FAULTS_READS, calls and reads that fail. FAULTS_SEED.
const scenarios = ['store', 'pair', 'blind', 'rot', 'rebuild', 'agent'] as const;
const seed = Number(process.env.FAULTS_SEED ?? 1);
const share = (name: string, standard: number) => Math.ceil(Number(process.env[name] ?? standard) / scenarios.length);

for (const scenario of scenarios) {
  const replayed = share('FAULTS_REPLAYED', 10_000);
  if (replayed > 0)
    test(`${replayed} kills of ${scenario} by recordings`, (t) =>
      survivesReplayedKills(t, { scenario, count: replayed, seed }));
  const plans = [
    ['kill', share('FAULTS_KILLS', 600), 'kills'],
    ['fail', share('FAULTS_ERRORS', 2000), 'failing calls'],
    ['fail read', share('FAULTS_READS', 1000), 'failing reads'],
  ] as const;
  for (const [what, count, called] of plans)
    if (count > 0)
      test(`${count} ${called} of ${scenario}`, (t) => survivesMishaps(t, { scenario, what, count, seed }));
}
