import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { systemTimers } from '#runtime';
import { writeSeededFile } from '../kit/seeded-file.ts';
import { runForeground } from './foreground.ts';
import { LinePair } from './line-pair.ts';
import { meanRate, record } from './rate-record.ts';

export interface BackgroundTrial {
  readonly control: 'bbr' | 'cubic';
  readonly queueKb: number;
  readonly roundTripMs: number;
  /** How long the office's transfer lasts. */
  readonly seconds: number;
  /** Over how long the rate is taken once it is over. */
  readonly afterSeconds: number;
}

const megabits = 100;

/** An office's transfer comes and goes beside a replication in background mode. */
export async function yieldsToOthers(t: TestContext, trial: BackgroundTrial): Promise<void> {
  const { control, queueKb, roundTripMs, seconds, afterSeconds } = trial;
  await using pair = await LinePair.up('wan-background', { megabits, delayMs: roundTripMs / 2, queueKb });
  const { line, north, folder } = pair;
  const alone = await runForeground(line, control, seconds);
  await north.ok('link', 'background', 'on');
  const tree = `${folder}/tree`;
  mkdirSync(tree);
  writeSeededFile(`${tree}/file`, ((20 + seconds + 10 + afterSeconds) * megabits * 1e6) / 8, queueKb);
  await north.ok('backup', tree, '--dataset', 'tree');
  const mean = async (ms: number) => (meanRate(await record(line.a.sentBytes, systemTimers.sleep(ms))) * 8) / 1e6;
  await systemTimers.sleep(6000);
  const before = await mean(6000);
  const beside = await runForeground(line, control, seconds);
  await systemTimers.sleep(10_000);
  const after = await mean(afterSeconds * 1000);
  t.diagnostic(
    [
      `${control}, queue of ${queueKb} kB, ${roundTripMs} ms: alone ${alone.megabits.toFixed(1)} Mbit/s, p95 ${alone.roundTripMs.toFixed(1)} ms`,
      `beside us ${((100 * beside.megabits) / alone.megabits).toFixed(0)} %, p95 ${beside.roundTripMs.toFixed(1)} ms`,
      `we alone ${before.toFixed(1)} before and ${after.toFixed(1)} after`,
    ].join('; '),
  );
  assert.ok(beside.megabits >= 0.9 * alone.megabits, 'the office keeps less than nine tenths');
  assert.ok(beside.roundTripMs <= alone.roundTripMs + 30, 'the office waits 30 ms longer');
  assert.ok(after >= 0.85 * megabits, 'we do not come back');
}
