import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type Clock, systemTimers } from '#runtime';
import { fromProblem, type Problem } from '../api/problem.ts';
import { ApiClient } from '../client/api-client.ts';
import { DemoFailure } from './demo-failure.ts';

const program = join(import.meta.dirname, '..', 'main.ts');
const logTailLines = 15;
/** An appliance is up within a second; this is for a machine that is very busy. */
const startPatienceMs = 60_000;

export interface DemoSiteOptions {
  readonly name: string;
  /** The state folder. */
  readonly state: string;
  readonly logFile: string;
  /** Where Node keeps what it has compiled: thirty processes of one program start in half the time so. */
  readonly compileCache: string;
  readonly clock: Clock;
  /** Aborted when the demo is to stop: commands under way are ended then. */
  readonly signal: AbortSignal;
}

/** One site of the demo: a state folder, and `sitepair serve` as a process of its own while it is up. */
export class DemoSite {
  readonly name: string;
  readonly state: string;
  readonly logFile: string;
  /** For looking on, where a command of its own each time would take a process each time. */
  readonly api: ApiClient;
  readonly #options: DemoSiteOptions;
  #process: ChildProcess | undefined;

  constructor(options: DemoSiteOptions) {
    this.name = options.name;
    this.state = options.state;
    this.logFile = options.logFile;
    this.api = new ApiClient(options.state);
    this.#options = options;
  }

  /** Runs a command of the command line on this site, as a process, and returns the JSON it prints. Throws `demo_failed`. */
  async run<T = unknown>(...args: readonly string[]): Promise<T> {
    const { signal } = this.#options;
    signal.throwIfAborted();
    const child = spawn(process.execPath, [program, ...args, '--state', this.state, '--json'], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: this.#environment(),
      // Its own session: Ctrl-C is for the demo, which ends what it has started.
      detached: true,
    });
    const end = () => void child.kill();
    signal.addEventListener('abort', end);
    try {
      const closed = once(child, 'close');
      const [out, err] = await Promise.all([text(child.stdout), text(child.stderr), closed]);
      signal.throwIfAborted();
      if (child.exitCode === 0) return JSON.parse(out) as T;
      throw commandFailed(this.name, args, child.exitCode ?? child.signalCode, out, err);
    } finally {
      signal.removeEventListener('abort', end);
    }
  }

  /** Starts the appliance; resolves when it is up, with the HOST:PORT it listens on, if it listens. */
  async serve(listen?: string): Promise<string | undefined> {
    const { signal, clock } = this.#options;
    signal.throwIfAborted();
    const before = this.#log().length;
    const log = openSync(this.logFile, 'a');
    const where = listen === undefined ? [] : ['--listen', listen];
    // Its own session and a file for its log: with --keep it outlives the demo.
    this.#process = spawn(process.execPath, [program, 'serve', '--state', this.state, ...where], {
      stdio: ['ignore', log, log],
      env: this.#environment(),
      detached: true,
      cwd: '/',
    });
    closeSync(log);
    const deadlineMs = clock.monotonicMs() + startPatienceMs;
    for (;;) {
      const said = this.#log().slice(before);
      if (said.includes(' is up ')) return /\d+\.\d+\.\d+\.\d+:\d+/.exec(said)?.[0];
      const isOver = this.#process.exitCode !== null || this.#process.signalCode !== null;
      if (isOver || clock.monotonicMs() > deadlineMs) throw new DemoFailure(`${this.name} did not start`);
      await systemTimers.sleep(20, signal);
    }
  }

  /** Undefined while it is down. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** kill -9: nothing is closed, flushed or said goodbye to. Resolves when the process is gone. */
  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'close');
    child.kill('SIGKILL');
    await gone;
  }

  /** The process goes on when the demo ends. */
  release(): void {
    this.#process?.unref();
  }

  /** The end of its log; empty when it never ran. */
  logTail(): string {
    return this.#log().trimEnd().split('\n').slice(-logTailLines).join('\n');
  }

  #environment(): NodeJS.ProcessEnv {
    return { ...process.env, NODE_COMPILE_CACHE: this.#options.compileCache };
  }

  #log(): string {
    return existsSync(this.logFile) ? readFileSync(this.logFile, 'utf8') : '';
  }
}

function commandFailed(site: string, args: readonly string[], status: unknown, out: string, err: string): DemoFailure {
  const what = `${site}: sitepair ${args.join(' ')} ended with ${status}`;
  const last = out.trimEnd().split('\n').at(-1) ?? '';
  if (!last.startsWith('{"error":')) return new DemoFailure(what, new Error(`${out}${err}`.trim()));
  const { error } = JSON.parse(last) as { error: Problem };
  return new DemoFailure(what, fromProblem(error));
}
