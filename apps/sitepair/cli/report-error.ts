import { isAppError } from '#runtime';
import { toProblem } from '../api/problem.ts';
import { printable } from './printable.ts';
import type { Terminal } from './terminal.ts';

export interface ReportOptions {
  readonly json: boolean;
  readonly verbose: boolean;
}

/** Tells an error: what happened, why (when a cause is known), what to do now; or {"error": ...} for scripts. */
export function reportError(error: unknown, terminal: Terminal, options: ReportOptions): void {
  const problem = toProblem(error);
  if (options.json) {
    terminal.out(`${JSON.stringify({ error: problem })}\n`);
  } else {
    const red = terminal.errHasColour ? '\x1b[31m' : '';
    const plain = terminal.errHasColour ? '\x1b[0m' : '';
    terminal.err(`${red}sitepair: ${printable(problem.detail)}${plain}\n`);
    if (problem.why !== '') terminal.err(`  why:    ${printable(problem.why)}\n`);
    terminal.err(`  to do:  ${printable(problem.advice)}\n`);
  }
  if (options.verbose) terminal.err(`${stacks(error)}\n`);
  else if (!options.json && !isAppError(error) && error instanceof Error) terminal.err(`${error.stack}\n`);
}

function stacks(error: unknown): string {
  const parts: string[] = [];
  for (let each = error; each !== undefined; each = each instanceof Error ? each.cause : undefined) {
    parts.push(each instanceof Error ? (each.stack ?? each.message) : String(each));
  }
  return parts.join('\ncaused by: ');
}
