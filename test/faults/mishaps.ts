import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { record } from './cut-trial.ts';
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
export async function survivesMishaps(t: TestContext, { scenario, what, count, seed }: MishapPlan): Promise<void> {
  const lacking = whyNoShim();
  if (lacking !== undefined) return t.skip(lacking);
  const folder = mkdtempSync(join(process.env.FAULTS_FOLDER ?? tmpdir(), 'sitepair-mishaps-'));
  try {
    const library = buildShim(folder);
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
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
