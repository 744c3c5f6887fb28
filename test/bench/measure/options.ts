import { parseArgs } from 'node:util';
import { say } from './report.ts';

export interface BenchOptions {
  /** Small data, for a check that the bench works; what it prints means little. */
  readonly quick: boolean;
  readonly runs: number;
  readonly paths: readonly string[];
}

/** The options that all benches share. With --quick one run is enough. Ends the process with 2 on what it does not know. */
export function benchOptions(usage: string, defaultRuns: number): BenchOptions {
  try {
    const options = { quick: { type: 'boolean' }, runs: { type: 'string' } } as const;
    const { values, positionals } = parseArgs({ options, allowPositionals: true });
    const quick = values.quick === true;
    const runs = values.runs === undefined ? (quick ? 1 : defaultRuns) : Number(values.runs);
    if (!Number.isInteger(runs) || runs < 1 || runs > 99) throw new Error('--runs takes a number from 1 to 99');
    return { quick, runs, paths: positionals };
  } catch (error) {
    say(`${error instanceof Error ? error.message : error}\nusage: ${usage}`);
    process.exit(2);
  }
}
