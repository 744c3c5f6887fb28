import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemTimers } from '#runtime';
import { ApiClient } from '../../apps/sitepair/client/api-client.ts';

const program = join(import.meta.dirname, '..', '..', 'apps', 'sitepair', 'main.ts');

export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A folder for one test, removed with all that is in it. */
export function testFolder(name: string): { readonly path: string; [Symbol.dispose](): void } {
  const path = mkdtempSync(join(tmpdir(), `sitepair-${name}-`));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** An error as a command tells it with --json. */
export interface CommandError {
  readonly code: string;
  readonly detail: string;
  readonly advice: string;
}

/** What runs the command line with these arguments, for a pipe. */
export function programArguments(...args: readonly string[]): string[] {
  return [process.execPath, program, ...args];
}

/** Environment variables that differ from those of the test. */
export type Environment = Readonly<Record<string, string>>;

/** Runs the command line as a user does and waits for its end; `input` comes on its standard input. */
export async function runSitepair(
  args: readonly string[],
  input?: Uint8Array,
  environment: Environment = {},
  launcher: readonly string[] = [],
): Promise<CommandResult> {
  const stdin = input === undefined ? 'ignore' : 'pipe';
  const env = { ...process.env, ...environment };
  const [command = '', ...rest] = [...launcher, process.execPath, program, ...args];
  const child = spawn(command, rest, { stdio: [stdin, 'pipe', 'pipe'], env });
  child.stdin?.end(input);
  const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)];
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout: stdout(), stderr: stderr() };
}

/** One site of a test: its state folder and, while it serves, its process. */
export class TestSite implements AsyncDisposable {
  readonly name: string;
  readonly state: string;
  readonly kit: string;
  /** For looking on while it serves, where a command each time would cost a process each time. */
  readonly api: ApiClient;
  /** What its machine is like: for every process that is started from now on. */
  environment: Environment = {};
  /** What its processes are started through: a network namespace, for one. */
  launcher: readonly string[] = [];
  #process: ChildProcess | undefined;
  #log = () => '';

  private constructor(name: string, state: string, kit: string) {
    this.name = name;
    this.state = state;
    this.kit = kit;
    this.api = new ApiClient(state);
  }

  /** `sitepair init` in a new folder below `root`. */
  static async init(root: string, name: string, environment: Environment = {}): Promise<TestSite> {
    const site = new TestSite(name, join(root, name), join(root, `${name}.kit`));
    site.environment = environment;
    await site.ok('init', '--site', name, '--kit', site.kit);
    return site;
  }

  /** A site whose state is still to be made, by rebuild. */
  static unmade(root: string, name: string, kit: string): TestSite {
    return new TestSite(name, join(root, name), kit);
  }

  run(...args: readonly string[]): Promise<CommandResult> {
    return runSitepair([...args, '--state', this.state], undefined, this.environment, this.launcher);
  }

  /** Runs a command that must succeed; `allow` names other exit codes that are fine. */
  async ok(...args: readonly string[]): Promise<CommandResult> {
    const result = await this.run(...args);
    if (result.code === 0) return result;
    throw new Error(
      `${this.name}: sitepair ${args.join(' ')} ended with ${result.code}\n${result.stdout}\n${result.stderr}\n${this.#log()}`,
    );
  }

  /** The JSON that a command prints. */
  async json<T>(...args: readonly string[]): Promise<T> {
    return JSON.parse((await this.ok(...args, '--json')).stdout) as T;
  }

  /** The error of a command that must fail: with exit code 1, one sentence, and advice. */
  async failure(...args: readonly string[]): Promise<CommandError> {
    const { code, stdout, stderr } = await this.run(...args, '--json');
    const told = `${this.name}: sitepair ${args.join(' ')} ended with ${code}\n${stdout}${stderr}`;
    assert.equal(code, 1, told);
    const { error } = JSON.parse(stdout) as { error: CommandError };
    assert.ok(error.code !== 'internal' && error.detail !== '' && error.advice !== '', told);
    return error;
  }

  /** The code of the error with which a command must fail. */
  async failureCode(...args: readonly string[]): Promise<string> {
    return (await this.failure(...args)).code;
  }

  /** Starts `serve` on a free port of loopback (or the one given) and returns HOST:PORT. */
  async serve(port = 0, host = '127.0.0.1'): Promise<string> {
    await this.#start('--listen', `${host}:${port}`);
    const address = /\d+\.\d+\.\d+\.\d+:\d+/.exec(this.#log())?.[0];
    if (address === undefined) throw new Error(`no address in: ${this.#log()}`);
    return address;
  }

  /** Starts `serve` as a site that dials its peers and is not dialled. */
  async serveUnreachable(): Promise<void> {
    await this.#start();
  }

  async #start(...where: readonly string[]): Promise<void> {
    const own = [process.execPath, program, 'serve', '--state', this.state, ...where];
    const [command = '', ...rest] = [...this.launcher, ...own];
    const child = spawn(command, rest, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...this.environment },
    });
    this.#process = child;
    const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)];
    this.#log = () => `--- log of ${this.name} ---\n${stdout()}${stderr()}`;
    while (!stdout().includes('is up')) {
      if (child.exitCode !== null || child.signalCode !== null)
        throw new Error(`${this.name} did not start\n${this.#log()}`);
      await systemTimers.sleep(20);
    }
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  log(): string {
    return this.#log();
  }

  /** Stops the process where it stands, and lets it go on: its peer hears nothing from it meanwhile. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#process?.kill(signal);
  }

  /** kill -9, as a power cut of the process. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }

  async #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'close');
    child.kill(signal);
    await ended;
  }
}

/** Pairs two serving sites the way two admins do it; returns once each end says so. */
export async function pairSites(inviter: TestSite, accepter: TestSite, address: string): Promise<void> {
  const { code } = await inviter.json<{ code: string }>('pair', 'invite', '--address', address);
  await accepter.ok('pair', 'accept', code, '--yes');
  await inviter.ok('pair', 'confirm', accepter.name, '--yes');
  await until(
    async () => (await Promise.all([inviter, accepter].map(isPaired))).every(Boolean),
    'both ends to be paired',
  );
}

/**
 * Pairs a site that dials with one that is dialled, so that every byte between them crosses the line at `lineAddress`.
 * The accepter serves unreachable, the inviter at the far end of the line.
 */
export async function pairThroughLine(inviter: TestSite, accepter: TestSite, lineAddress: string): Promise<void> {
  const { code } = await inviter.json<{ code: string }>('pair', 'invite', '--address', lineAddress);
  await accepter.ok('pair', 'accept', code, '--yes');
  // The inviter has told where it listens; the accepter is to come by the line instead, and does so when it starts again.
  await accepter.ok('pair', 'set-address', inviter.name, lineAddress);
  await inviter.ok('pair', 'confirm', accepter.name, '--yes');
  await accepter.stop();
  await accepter.serveUnreachable();
  await until(
    async () => (await Promise.all([inviter, accepter].map(isPaired))).every(Boolean),
    'both ends to be paired',
  );
}

async function isPaired(site: TestSite): Promise<boolean> {
  const peers = await site.api.call('pairList', {});
  return peers.length > 0 && peers.every((peer) => peer.state === 'paired' && peer.link === 'up');
}

/** Waits until the catalogs of all these sites are the same. */
export async function untilCatalogsAgree(sites: readonly TestSite[]): Promise<void> {
  const digests = () => Promise.all(sites.map((site) => site.api.call('catalogDigest', {})));
  await until(async () => new Set((await digests()).map(({ digest }) => digest)).size === 1, 'the catalogs to agree');
}

/** Waits until this site lists every snapshot as held by `count` sites. */
export async function untilHeldBy(site: TestSite, count: number): Promise<void> {
  await until(async () => {
    const snapshots = await site.api.call('snapshots', {});
    return snapshots.every(({ copies }) => copies.length === count);
  }, `every snapshot to be held by ${count} sites`);
}

/** Waits until all links of this site are up. */
export async function untilLinked(site: TestSite): Promise<void> {
  await until(async () => {
    const peers = await site.api.call('pairList', {});
    return peers.every(({ link }) => link === 'up');
  }, `the links of ${site.name}`);
}

/** Waits for something that a background activity brings about; fails after 30 s, whatever the machine is busy with. */
export async function until(reached: () => Promise<boolean>, what: string): Promise<void> {
  const deadlineMs = performance.now() + 30_000;
  while (!(await reached())) {
    if (performance.now() > deadlineMs) throw new Error(`waited in vain for ${what}`);
    await systemTimers.sleep(100);
  }
}

function collect(stream: NodeJS.ReadableStream | null): () => string {
  const parts: string[] = [];
  stream?.setEncoding('utf8').on('data', (part: string) => parts.push(part));
  return () => parts.join('');
}
