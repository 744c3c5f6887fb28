import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { type Finding, record, type Trial, tryCuts, tryEveryCut, tryTellingCuts } from './cut-trial.ts';
import { buildShim, whyNoShim } from './shim.ts';
import { Verifier } from './verifier.ts';

export interface CutPlan {
  readonly scenario: string;
  /** Random cuts. */
  readonly count: number;
  readonly seed: number;
  /** Also every loss of all that was not synced, after each word and each change of a name. */
  readonly telling?: boolean;
  /** Also every state in which each change is whole or not there, where there are at most so many. */
  readonly everyUpTo?: number;
  /** How many times the scenario is recorded anew, each with its share of the cuts; threads run otherwise each time. */
  readonly recordings?: number;
}

/** Records, cuts, recovers; fails with what replays the first state that is not as promised. */
export async function survivesCuts(t: TestContext, plan: CutPlan): Promise<void> {
  const lacking = whyNoShim();
  if (lacking !== undefined) return t.skip(lacking);
  const folder = mkdtempSync(join(process.env.FAULTS_FOLDER ?? tmpdir(), 'sitepair-cuts-'));
  let [tried, repeated, events] = [0, 0, 0];
  const note = (trial: Trial) => {
    tried += trial.tried;
    repeated += trial.repeated;
    assert.deepEqual(trial.findings.map(told), []);
  };
  try {
    const library = buildShim(folder);
    const { scenario, count, seed, telling = false, everyUpTo, recordings = 1 } = plan;
    for (let round = 0; round < recordings; round++) {
      const recording = await record(folder, library, scenario);
      events += recording.events.length;
      const strange = recording.events.filter(({ call }) => call === 'strange' || call === 'fallocate');
      assert.deepEqual(strange, [], 'the model of the disk knows all that is done');
      await using verifier = new Verifier(folder, library);
      if (telling && round === 0) note(await tryTellingCuts(recording, verifier));
      if (everyUpTo !== undefined && round === 0)
        note(await tryEveryCut(recording, verifier, { statesMax: everyUpTo }));
      note(await tryCuts(recording, verifier, { count: Math.ceil(count / recordings), seed: seed + round }));
    }
  } finally {
    t.diagnostic(`${plan.scenario}: ${events} events, ${tried} states recovered, ${repeated} the same as before`);
    rmSync(folder, { recursive: true, force: true });
  }
}

function told({ scenario, seed, cutAt, lastWord, problems }: Finding): string {
  return `${scenario}, seed ${seed}, cut after event ${cutAt} ("${lastWord}"): ${problems.slice(0, 3).join('; ')}`;
}
