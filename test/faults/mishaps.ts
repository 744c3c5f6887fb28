import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { record, tryReplayedKills } from './cut-trial.ts';
import { chooseMishaps, tryMishaps } from './process-trial.ts';
import { buildShim, whyNoShim } from './shim.ts';
import { Verifier } from './verifier.ts';

export interface MishapPlan {
  readonly scenario: string;
  readonly what: 'kill' | 'fail' | 'fail read';
  readonly count: number;
  readonly seed: number;
}

/** Kills a scenario at its calls, or has them fail; what it acknowledged is there, and a start needs no help. */
export function survivesMishaps(t: TestContext, { scenario, what, count, seed }: MishapPlan): Promise<void> {
  return withShim(t, async (folder, library) => {
    const recording = await record(folder, library, scenario, { logReads: what === 'fail read' });
    const mishaps = chooseMishaps(recording, what, count, seed);
    await using verifier = new Verifier(folder, library, undefined, true);
    const { tried, struck, ends, findings } = await tryMishaps(folder, library, scenario, mishaps, verifier);
    const how = [...ends].map(([kind, times]) => `${times} ${kind}`).join(', ');
    t.diagnostic(`${scenario}: ${tried} tried, ${struck} struck; processes: ${how}`);
    assert.deepEqual(
      findings.map(({ mishap, lastWord, problems }) => `${scenario} ${mishap} after "${lastWord}": ${problems[0]}`),
      [],
    );
  });
}

/** Recordings that are made anew after so many kills: threads run otherwise each time. */
const killsARecording = 1000;

/** The same of kills by recordings, without a process for each. */
export function survivesReplayedKills(t: TestContext, { scenario, count, seed }: Omit<MishapPlan, 'what'>) {
  return withShim(t, async (folder, library) => {
    await using verifier = new Verifier(folder, library, undefined, true);
    let [tried, repeated] = [0, 0];
    for (let left = count, round = 0; left > 0; left -= killsARecording, round++) {
      const recording = await record(folder, library, scenario);
      const options = { count: Math.min(left, killsARecording), seed: seed + round };
      const trial = await tryReplayedKills(recording, verifier, options);
      tried += trial.tried;
      repeated += trial.repeated;
      assert.deepEqual(
        trial.findings.map(
          ({ cutAt, lastWord, problems }) =>
            `${scenario}, seed ${options.seed}, killed at event ${cutAt} after "${lastWord}": ${problems[0]}`,
        ),
        [],
      );
    }
    t.diagnostic(`${scenario}: ${tried} kills replayed, ${repeated} left the same as one before`);
  });
}

async function withShim(t: TestContext, work: (folder: string, library: string) => Promise<void>): Promise<void> {
  const lacking = whyNoShim();
  if (lacking !== undefined) return t.skip(lacking);
  const folder = mkdtempSync(join(process.env.FAULTS_FOLDER ?? tmpdir(), 'sitepair-mishaps-'));
  try {
    await work(folder, buildShim(folder));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
