import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { main } from '../cli/main.ts';
import { RecordedTerminal } from './recorded-terminal.ts';

const mainFile = join(import.meta.dirname, '..', 'main.ts');

export interface CommandRun {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface StartedCommand {
  readonly ended: Promise<CommandRun>;
  /** Ctrl-C. */
  interrupt(): void;
  /** What it reads on standard input. */
  readonly stdin: Writable;
}

/** Starts the command line as its own process, without a terminal, as a script does. */
export function startCommand(args: readonly string[], environment: NodeJS.ProcessEnv = {}): StartedCommand {
  const child = spawn(process.execPath, [mainFile, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
  });
  const closed = new Promise<number | null>((resolve) => child.once('close', resolve));
  const ended = Promise.all([text(child.stdout), text(child.stderr), closed]);
  return {
    ended: ended.then(([stdout, stderr, status]) => ({ status, stdout, stderr })),
    interrupt: () => child.kill('SIGINT'),
    stdin: child.stdin,
  };
}

/** Runs a command line within this process: the same, but for the start. */
export async function runCommand(...args: readonly string[]): Promise<CommandRun> {
  const terminal = new RecordedTerminal(false);
  const status = await main(args, terminal);
  return { status, stdout: terminal.result, stderr: terminal.written };
}
