import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemCode } from '#runtime';

/** What a piece of work took, seen from outside of the processes that did it. */
export interface Usage {
  readonly seconds: number;
  /** User and system time. */
  readonly cpuSeconds: number;
  /** The most that was resident at once. */
  readonly peakBytes: number;
}

export interface CommandOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Exit codes beside 0 that are fine: some tools end with one of them when a file was unreadable. */
  readonly alsoFine?: readonly number[];
}

// Linux counts processor time in hundredths of a second, whatever its own clock does (USER_HZ).
const ticksPerSecond = 100;
// A process that grows 1 GB/s grows by 10 MB between two looks.
const pollMs = 10;
const calmMs = 300;
const calmTriesMax = 40;

// The shell tells the process id first, then what its children took: only who waits for a process learns that.
const script = '"$@" & echo $! >&3; wait $!; code=$?; times >&3; exit $code';

/** Runs a command to its end and measures it. Throws with what it said when it fails. */
export async function measureCommand(command: readonly string[], options: CommandOptions = {}): Promise<Usage> {
  const { env = {}, cwd, alsoFine = [] } = options;
  const startedMs = performance.now();
  const child = spawn('sh', ['-c', script, 'sh', ...command], {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    // A group of its own, so that all of it can be ended with this process.
    detached: true,
    env: { ...process.env, ...env },
    ...(cwd === undefined ? {} : { cwd }),
  });
  const end = () => {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL');
  };
  // Before the folder that it works in is removed.
  process.prependOnceListener('exit', end);
  const closed = once(child, 'close');
  const said = Promise.all([text(child.stdout!), text(child.stderr!)]);
  const lines: string[] = [];
  let peakBytes = 0;
  const look = () => {
    if (lines.length === 1) peakBytes = Math.max(peakBytes, peakOf(Number(lines[0])) ?? 0);
  };
  createInterface({ input: child.stdio[3] as NodeJS.ReadableStream }).on('line', (line) => {
    lines.push(line);
    look();
  });
  const poll = setInterval(look, pollMs);
  const [code] = (await closed) as [number | null];
  const seconds = (performance.now() - startedMs) / 1000;
  clearInterval(poll);
  process.off('exit', end);
  if (code !== 0 && !(code !== null && alsoFine.includes(code))) {
    throw new Error(`${command.join(' ')} ended with ${code}\n${(await said).join('\n')}`);
  }
  return { seconds, cpuSeconds: minutesAndSeconds(lines.at(-1) ?? ''), peakBytes };
}

/** A process that goes on, such as an appliance, measured from `new` to `read`. */
export class ProcessMeter {
  readonly #pid: number;
  readonly #startedMs = performance.now();
  readonly #cpuBefore: number;

  constructor(pid: number) {
    this.#pid = pid;
    // 5: forget the peak so far (proc(5)).
    writeFileSync(`/proc/${pid}/clear_refs`, '5');
    this.#cpuBefore = cpuSecondsOf(pid);
  }

  read(): Usage {
    return {
      seconds: (performance.now() - this.#startedMs) / 1000,
      cpuSeconds: cpuSecondsOf(this.#pid) - this.#cpuBefore,
      peakBytes: peakOf(this.#pid) ?? 0,
    };
  }

  /** Waits until the process has nothing to do any more, so that work put off is counted too. */
  async readWhenCalm(): Promise<Usage> {
    let before = -1;
    for (let tries = 0; tries < calmTriesMax && cpuSecondsOf(this.#pid) - before > 0.02; tries++) {
      before = cpuSecondsOf(this.#pid);
      await sleep(calmMs);
    }
    return this.read();
  }
}

/** Processor time of the whole machine since it started, with what its host took away from it (proc(5), "cpu"). */
export function machineCpuSeconds(): number {
  const [, ...fields] = readFileSync('/proc/stat', 'latin1').split('\n', 1)[0]!.split(/\s+/).map(Number);
  const [user = 0, nice = 0, system = 0, , , interrupts = 0, softInterrupts = 0, stolen = 0] = fields;
  return (user + nice + system + interrupts + softInterrupts + stolen) / ticksPerSecond;
}

function cpuSecondsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  // The name in parentheses may hold anything; utime and stime are the 12th and 13th fields after it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

/** Undefined once the process is gone, and while it is dying. */
function peakOf(pid: number): number | undefined {
  try {
    const peak = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
    return peak === undefined ? undefined : Number(peak) * 1024;
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT' || code === 'ESRCH') return undefined;
    throw error;
  }
}

/** `1m2.34s 0m0.56s`, as a shell prints user and system time. */
function minutesAndSeconds(line: string): number {
  const parts = [...line.matchAll(/(\d+)m([\d.,]+)s/g)];
  if (parts.length !== 2) throw new Error(`the shell told no times: ${line}`);
  return parts.reduce((sum, [, m, s]) => sum + Number(m) * 60 + Number(s?.replace(',', '.')), 0);
}
