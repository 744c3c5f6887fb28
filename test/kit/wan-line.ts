import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemTimers } from '#runtime';

/** What a line between two sites is like; both directions alike. */
export interface LineSettings {
  /** 0: no limit. -1: cut, nothing comes through. */
  readonly megabits: number;
  /** One way. */
  readonly delayMs: number;
  readonly jitterMs?: number;
  readonly lossPercent?: number;
  /** Of a queue that drops at its tail; 1024 when not given. */
  readonly queueKb?: number;
  /** Larger packets vanish without a word: an MTU hole. */
  readonly packetBytesMax?: number;
}

/** One end of a line: a network namespace. */
export interface LineEnd {
  readonly address: string;
  /** What a command is preceded with to run at this end. */
  readonly launcher: readonly string[];
  /** IP bytes that this end has put on the line, counted by its interface. */
  sentBytes(): number;
}

/** Why no line can be made here; undefined when one can. */
export function lineMissing(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root, for network namespaces';
  if (!existsSync('/dev/net/tun')) return 'needs /dev/net/tun';
  try {
    execFileSync('ip', ['-V'], { stdio: 'ignore' });
    execFileSync('cc', ['--version'], { stdio: 'ignore' });
  } catch {
    return 'needs iproute2 and a C compiler';
  }
  return undefined;
}

let linesMade = 0;

/** An emulated long-distance line between two network namespaces of its own (wan.c). */
export class WanLine implements AsyncDisposable {
  readonly a: LineEnd;
  readonly b: LineEnd;
  readonly #folder: string;
  readonly #namespaces: readonly string[];
  readonly #processes: ChildProcess[] = [];
  #line: ChildProcess | undefined;
  #settings: LineSettings;

  private constructor(settings: LineSettings) {
    linesMade += 1;
    this.#settings = settings;
    this.#folder = mkdtempSync(join(tmpdir(), 'sitepair-wan-'));
    const name = `sp${process.pid}x${linesMade}`;
    this.#namespaces = [`${name}a`, `${name}b`];
    [this.a, this.b] = [this.#end(0), this.#end(1)];
  }

  static async up(settings: LineSettings): Promise<WanLine> {
    const line = new WanLine(settings);
    try {
      await line.#up();
    } catch (error) {
      await line[Symbol.asyncDispose]();
      throw error;
    }
    return line;
  }

  async #up(): Promise<void> {
    const program = join(this.#folder, 'wan');
    execFileSync('cc', ['-O2', '-o', program, join(import.meta.dirname, 'wan.c')]);
    const [a, b] = this.#namespaces as [string, string];
    for (const namespace of [a, b]) {
      ip('netns', 'add', namespace);
      ip('-n', namespace, 'link', 'set', 'lo', 'up');
      // A process at each end, through whose eyes the interface is counted.
      this.#processes.push(spawn('ip', ['netns', 'exec', namespace, 'sleep', 'infinity'], { stdio: 'ignore' }));
    }
    this.#line = spawn(program, [a, 't0', b, 't0', ...words(this.#settings)], { stdio: ['pipe', 'pipe', 'inherit'] });
    await once(this.#line.stdout as NodeJS.ReadableStream, 'data');
    this.#line.stdout?.resume();
    for (const [namespace, own, far] of [
      [a, this.a, this.b],
      [b, this.b, this.a],
    ] as const) {
      ip('-n', namespace, 'addr', 'add', own.address, 'peer', far.address, 'dev', 't0');
      ip('-n', namespace, 'link', 'set', 't0', 'up', 'txqueuelen', '2000');
    }
    await this.#untilCountable();
  }

  /** Changes the line under what runs on it; what is not given stays. */
  set(settings: Partial<LineSettings>): void {
    this.#settings = { ...this.#settings, ...settings };
    this.#line?.stdin?.write(`${words(this.#settings).join(' ')}\n`);
  }

  /** Nothing comes through for so long. */
  async cut(milliseconds: number): Promise<void> {
    const { megabits } = this.#settings;
    this.set({ megabits: -1 });
    await systemTimers.sleep(milliseconds);
    this.set({ megabits });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const processes = [...this.#processes, ...(this.#line === undefined ? [] : [this.#line])];
    const ended = processes.map((child) => (child.exitCode ?? child.signalCode) === null && once(child, 'close'));
    for (const child of processes) child.kill('SIGKILL');
    await Promise.all(ended);
    for (const namespace of this.#namespaces)
      if (existsSync(`/var/run/netns/${namespace}`)) ip('netns', 'del', namespace);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #end(index: 0 | 1): LineEnd {
    const launcher = ['ip', 'netns', 'exec', this.#namespaces[index] as string];
    return { address: `10.77.0.${index + 1}`, launcher, sentBytes: () => this.#counted(index) };
  }

  async #untilCountable(): Promise<void> {
    for (let tries = 0; tries < 200; tries += 1) {
      if (this.#isCountable(0) && this.#isCountable(1)) return;
      await systemTimers.sleep(10);
    }
    throw new Error('the interfaces of the line did not come up');
  }

  #isCountable(index: 0 | 1): boolean {
    return /^ *t0:/m.test(this.#interfaces(index));
  }

  #counted(index: 0 | 1): number {
    const row = /^ *t0:(.*)$/m.exec(this.#interfaces(index))?.[1]?.trim().split(/\s+/);
    if (row === undefined) throw new Error('the line has no interface here');
    return Number(row[8]);
  }

  #interfaces(index: 0 | 1): string {
    return readFileSync(`/proc/${this.#processes[index]?.pid}/net/dev`, 'utf8');
  }
}

function words(settings: LineSettings): string[] {
  const { megabits, delayMs, jitterMs = 0, lossPercent = 0, queueKb = 1024, packetBytesMax = 0 } = settings;
  return [megabits, delayMs, jitterMs, lossPercent, queueKb, packetBytesMax].map(String);
}

function ip(...args: readonly string[]): void {
  execFileSync('ip', args);
}
