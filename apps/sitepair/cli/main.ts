import { CommanderError } from 'commander';
import { UsageError } from './command.ts';
import { Invocation } from './invocation.ts';
import { buildProgram } from './program.ts';
import { reportError } from './report-error.ts';
import type { Terminal } from './terminal.ts';

/** Runs one command line (without program names); resolves with its exit code: 0, 1 failed, 2 wrong usage, 3 with warnings. */
export async function main(args: readonly string[], terminal: Terminal): Promise<number> {
  const invocation = new Invocation(terminal);
  try {
    await buildProgram(invocation).parseAsync(args, { from: 'user' });
    return invocation.exitCode;
  } catch (error) {
    // Commander has printed the help or the version already; help that nobody asked for means that a command is missing.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    // A mistake on the command line comes before its options are known.
    const json = invocation.json || args.includes('--json');
    const verbose = invocation.verbose || args.includes('--verbose');
    reportError(error, terminal, { json, verbose });
    return error instanceof UsageError ? 2 : 1;
  }
}
