import { type ChildProcess, spawn } from 'node:child_process';
import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { AppError } from '#runtime';
import { fromProblem, type Problem } from '../api/problem.ts';

const mainFile = join(import.meta.dirname, '..', 'main.ts');

/**
 * Starts an appliance for this process alone: it serves the control socket only, and leaves when this process closes its
 * stdin or dies. Root starts it as the owner of the state, so that root never owns a file in there. What keeps it from
 * starting is thrown as it was there.
 */
export async function startPrivateAppliance(stateFolder: string, program = mainFile): Promise<AsyncDisposable> {
  const child = spawn(process.execPath, [program, 'serve', '--state', resolve(stateFolder), '--private'], {
    // Its own session: Ctrl-C is for the command, which then lets the appliance finish what it holds.
    detached: true,
    cwd: '/',
    stdio: ['pipe', 'pipe', 'inherit'],
    ...ownerOf(stateFolder),
  });
  const exited = new Promise<void>((done) => child.once('close', () => done()));
  const stop = async () => {
    // A process that could not be made has no pipes either, and never exits.
    if (child.pid === undefined) return;
    child.stdin.end();
    await exited;
  };
  try {
    await readiness(child);
  } catch (error) {
    await stop();
    throw error;
  }
  return { [Symbol.asyncDispose]: stop };
}

/** Whom to run as: nobody else, unless this is root and the state belongs to another user. */
export function ownerOf(stateFolder: string): { readonly uid?: number; readonly gid?: number } {
  const { uid, gid } = statSync(stateFolder);
  return process.geteuid?.() === 0 && uid !== 0 ? { uid, gid } : {};
}

/** Resolves on the line {"ready":true}, rejects with the error in {"error":...} or with what kept the process from starting. */
async function readiness(child: ChildProcess): Promise<void> {
  const { promise, resolve: ready, reject } = Promise.withResolvers<void>();
  child.once('error', (error) => reject(startFailed(error)));
  child.once('close', (code, signal) => reject(startFailed(new Error(`it ended with ${signal ?? `status ${code}`}`))));
  child.stdin?.on('error', (error) => reject(startFailed(error)));
  // Without room for pipes there are none: the error that says so is on its way.
  if (child.stdout)
    createInterface({ input: child.stdout }).on('line', (text) => {
      const line = parseLine(text);
      if (line?.ready === true) ready();
      else if (line?.error !== undefined) reject(fromProblem(line.error));
    });
  await promise;
}

function parseLine(text: string): { readonly ready?: boolean; readonly error?: Problem } | undefined {
  return text.startsWith('{') ? JSON.parse(text) : undefined;
}

function startFailed(cause: Error): AppError {
  return new AppError('no appliance runs on this state, and none could be started for this command', {
    code: 'appliance_not_started',
    advice: 'Read what it said above; "sitepair serve" with the same --state shows it too.',
    cause,
  });
}
