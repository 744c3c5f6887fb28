import { CommanderError } from 'commander';
import { UsageError } from './command.ts';
import { Invocation } from './invocation.ts';
import { buildProgram } from './program.ts';
import { reportError } from './report-error.ts';

/** Runs one command line; the process's exit code says how it went. */
export async function main(argv: readonly string[]): Promise<void> {
  const invocation = new Invocation();
  // Whoever read the output has read enough: `sitepair ls ... | head`.
  process.stdout.on('error', () => process.exit(1));
  try {
    await buildProgram(invocation).parseAsync(argv);
    process.exitCode ??= invocation.exitCode;
  } catch (error) {
    process.exitCode = exitCodeOf(error, () => {
      // A mistake on the command line comes before its options are known.
      const json = invocation.json || argv.includes('--json');
      const verbose = invocation.verbose || argv.includes('--verbose');
      reportError(error, invocation.terminal, { json, verbose });
    });
  }
}

function exitCodeOf(error: unknown, report: () => void): number {
  // Commander has printed the help or the version already; help that nobody asked for means that a command is missing.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  report();
  return error instanceof UsageError ? 2 : 1;
}
