import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { RotSites } from './rot-sites.ts';
import { type RotCase, runTrial } from './trial.ts';

/** A request of the parent: one case, or the word to end. */
export interface TrialOrder {
  readonly sites: RotSites;
  readonly work: string;
  readonly rotCase: RotCase;
}

// A process of its own: what LMDB makes of a damaged page must not end the test, and what hangs can be ended.
let escaped: unknown;
for (const event of ['uncaughtException', 'unhandledRejection'])
  process.on(event, (error: unknown) => {
    escaped ??= error;
  });

process.on('message', ({ sites, work, rotCase }: TrialOrder) => {
  void runTrial(sites, work, rotCase).then(
    (verdict) => {
      const stack = escaped instanceof Error ? escaped.stack : escaped;
      escaped = undefined;
      process.send?.(stack === undefined ? verdict : { ...verdict, wrong: `an error escaped: ${stack}` });
      rmSync(join(work, 'alone'), { recursive: true, force: true });
    },
    (error: unknown) =>
      process.send?.({
        outcome: 'said',
        said: [],
        wrong: `the trial failed: ${error instanceof Error ? error.stack : error}`,
      }),
  );
});
process.on('disconnect', () => process.exit(0));
