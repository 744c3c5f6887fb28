import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { type DiskState, writeState } from './power-cut.ts';
import { shimEnvironment } from './shim.ts';

const program = join(import.meta.dirname, 'verify-worker.ts');

/** Writes states out, each into a folder of its own, and has a process recover them; one that dies of a state is a finding. */
export class Verifier implements AsyncDisposable {
  readonly #folder: string;
  readonly #library: string;
  readonly #program: string;
  readonly #sameBoot: boolean;
  #child: ChildProcess | undefined;
  #lines: AsyncIterator<string> | undefined;
  #reader: Interface | undefined;
  #stderr = '';
  #count = 0;

  constructor(folder: string, library: string, worker = program, sameBoot = false) {
    this.#folder = mkdtempSync(join(folder, 'states-'));
    this.#library = library;
    this.#program = worker;
    this.#sameBoot = sameBoot;
  }

  /** What is wrong with a state; empty when it is as the words promise. */
  async verify(scenario: string, state: DiskState, words: readonly string[], thorough: boolean): Promise<string[]> {
    this.#count += 1;
    const root = join(this.#folder, String(this.#count));
    mkdirSync(root);
    writeState(root, state);
    return this.verifyFolder(scenario, root, words, thorough);
  }

  /** The same of a folder as a process has left it; it is gone afterwards. */
  async verifyFolder(scenario: string, root: string, words: readonly string[], thorough: boolean): Promise<string[]> {
    try {
      const lines = this.#lines ?? this.#start();
      this.#child?.stdin?.write(`${JSON.stringify({ scenario, root, words, thorough })}\n`);
      const { value, done } = await lines.next();
      if (done !== true) return JSON.parse(value) as string[];
      const { signalCode, exitCode } = this.#child ?? {};
      const told = this.#stderr.slice(-2000);
      await this.#end();
      return [`recovery ended the process: ${signalCode ?? exitCode} ${told}`];
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #start(): AsyncIterator<string> {
    const bootId = join(this.#folder, 'boot-id');
    // A power cut ends a boot, the end of a process does not.
    writeFileSync(bootId, 'after-the-cut\n');
    const task = { root: this.#folder, syncMicroseconds: 0, ...(this.#sameBoot ? {} : { bootId }) };
    const child = spawn(process.execPath, [this.#program], { env: shimEnvironment(this.#library, task) });
    this.#stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
    child.stdin.on('error', (error) => {
      this.#stderr += String(error);
    });
    this.#child = child;
    this.#reader = createInterface({ input: child.stdout });
    this.#lines = this.#reader[Symbol.asyncIterator]();
    return this.#lines;
  }

  async #end(): Promise<void> {
    const child = this.#child;
    [this.#child, this.#lines] = [undefined, undefined];
    if (child === undefined) return;
    const ended = child.exitCode !== null || child.signalCode !== null ? undefined : once(child, 'close');
    child.kill('SIGKILL');
    await ended;
    this.#reader?.close();
  }
}
