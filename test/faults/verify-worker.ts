import { createInterface } from 'node:readline';
import { scenarioNamed } from './scenarios/all.ts';

/** A line of standard input: what to look at. */
export interface VerifyRequest {
  readonly scenario: string;
  readonly root: string;
  readonly words: readonly string[];
  readonly thorough: boolean;
}

// Opens one state after the other; answers each with a line of what is wrong with it.
for await (const line of createInterface({ input: process.stdin })) {
  const { scenario, root, words, thorough } = JSON.parse(line) as VerifyRequest;
  const problems = await scenarioNamed(scenario)
    .verify(root, words, thorough)
    .catch((error) => [`recovery failed: ${error instanceof Error ? error.stack : String(error)}`]);
  process.stdout.write(`${JSON.stringify(problems)}\n`);
}
