import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { systemTimers } from '#runtime';
import type { WanLine } from '../kit/wan-line.ts';

/** What an office's own transfer got. */
export interface Foreground {
  readonly megabits: number;
  /** The 95th percentile of its round trip, as its kernel smooths it. */
  readonly roundTripMs: number;
}

interface IperfReport {
  readonly intervals: readonly {
    readonly streams: readonly { bits_per_second: number; rtt: number; omitted: boolean }[];
  }[];
}

/** One flow of iperf3 from end a to end b for so long. */
export async function runForeground(line: WanLine, control: 'bbr' | 'cubic', seconds: number): Promise<Foreground> {
  const [command = '', ...rest] = [...line.b.launcher, 'iperf3', '-s', '-1'];
  const server = spawn(command, rest, { stdio: 'ignore' });
  const serverEnded = once(server, 'close');
  await systemTimers.sleep(300);
  const options = ['-c', line.b.address, '-C', control, '-t', String(seconds), '-i', '0.2', '-J'];
  const [program = '', ...first] = [...line.a.launcher, 'iperf3', ...options];
  const client = spawn(program, first, { stdio: ['ignore', 'pipe', 'inherit'] });
  const told = text(client.stdout);
  const report = JSON.parse(await told) as IperfReport;
  await serverEnded;
  const samples = report.intervals.flatMap(({ streams }) => streams);
  const rates = samples.map((sample) => sample.bits_per_second / 1e6);
  const trips = samples.map(({ rtt }) => rtt / 1000).sort((a, b) => a - b);
  return {
    megabits: rates.reduce((sum, rate) => sum + rate, 0) / rates.length,
    roundTripMs: trips[Math.floor(trips.length * 0.95)] ?? Number.NaN,
  };
}
