import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

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
}

/** Starts the command line as its own process, without a terminal, as a script does. */
export function startCommand(args: readonly string[], environment: NodeJS.ProcessEnv = {}): StartedCommand {
  const child = spawn(process.execPath, [mainFile, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
  });
  const closed = new Promise<number | null>((resolve) => child.once('close', resolve));
  const ended = Promise.all([text(child.stdout), text(child.stderr), closed]);
  return {
    ended: ended.then(([stdout, stderr, status]) => ({ status, stdout, stderr })),
    interrupt: () => child.kill('SIGINT'),
  };
}

export function runCommand(args: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<CommandRun> {
  return startCommand(args, environment).ended;
}
