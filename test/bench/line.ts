/**
 * One appliance sends a large file and many small ones over emulated lines, beside iperf3 with as many flows and the same
 * congestion control: how much of a line is filled. Needs root, iproute2, a C compiler and iperf3.
 * Usage: node test/bench/line.ts [--runs N] [--quick].
 */
import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type LineSettings, lineMissing, WanLine } from '../kit/wan-line.ts';
import { flushToDisk } from './measure/flush-to-disk.ts';
import { versionOf } from './measure/installed.ts';
import { benchOptions } from './measure/options.ts';
import { formatNumber, machineLine, markdownTable, median, say } from './measure/report.ts';
import { writeRandomFile } from './measure/trees.ts';
import { type Replication, TwoSites } from './measure/two-sites.ts';
import { Workspace } from './measure/workspace.ts';

interface Line extends LineSettings {
  readonly name: string;
}

const allLines: readonly Line[] = [
  { name: '100 Mbit/s, 50 ms, 0.1 % loss', megabits: 100, delayMs: 25, lossPercent: 0.1 },
  { name: '1 Gbit/s, 0.5 ms', megabits: 1000, delayMs: 0.25 },
  { name: '500 Mbit/s, 150 ms, 0.1 % loss', megabits: 500, delayMs: 75, lossPercent: 0.1, queueKb: 4096 },
];

const { quick, runs } = benchOptions('node test/bench/line.ts [--runs N] [--quick]', 3);
const missing = lineMissing() ?? (versionOf('iperf3', '--version') === undefined ? 'needs iperf3' : undefined);
if (missing !== undefined) {
  say(`skipped: ${missing}`);
  process.exit(0);
}
const flows = 4;
const lines = quick ? allLines.slice(0, 1) : allLines;
const largeBytes = quick ? 20_000_000 : 1_000_000_000;
const smallCount = quick ? 500 : 20_000;
const smallBytes = 10_000;
const iperfSeconds = quick ? 2 : 10;

using workspace = new Workspace('line', (largeBytes + smallCount * smallBytes) * (1 + 2 * lines.length * runs));
const trees = [
  { name: `a file of ${largeBytes / 1e6} MB`, path: makeLarge() },
  { name: `${smallCount} files of ${smallBytes / 1000} kB`, path: makeSmall() },
];
const rows: string[][] = [];
for (const line of lines) rows.push(...(await measure(line)));
console.log(markdownTable(['line', 'what', 'Mbit/s', 'iperf3', 'ratio', 'MB sender', 'MB receiver'], rows));
console.log(
  `\n${flows} flows of iperf3, bbr; sealed bytes against its payload; runs of each: ${runs}. ${machineLine()}.`,
);

async function measure(line: Line): Promise<string[][]> {
  const [plain, results]: [number[], Replication[][]] = [[], trees.map(() => [])];
  for (let run = 0; run < runs; run++) {
    say(`${line.name}: run ${run + 1} of ${runs}`);
    await using wan = await WanLine.up(line);
    plain.push(await iperf(wan));
    await using sites = await TwoSites.start(workspace, workspace.folder(`${lines.indexOf(line)}-${run}`), wan);
    for (const [index, { path }] of trees.entries()) {
      flushToDisk();
      results[index]?.push(await sites.replicateNew(path, `tree-${index}`));
    }
  }
  const best = median(plain);
  return trees.map(({ name }, index) => {
    const of = (value: (one: Replication) => number) => median((results[index] ?? []).map(value));
    const rate = of(({ sealedBytes, seconds }) => (sealedBytes * 8) / 1e6 / seconds);
    const peaks = [of(({ sender }) => sender.peakBytes / 1e6), of(({ receiver }) => receiver.peakBytes / 1e6)];
    return [line.name, name, ...[rate, best, rate / best, ...peaks].map(formatNumber)];
  });
}

/** Payload in Mbit/s as its receiver counts it. */
async function iperf(wan: WanLine): Promise<number> {
  const [command = '', ...rest] = [...wan.b.launcher, 'iperf3', '-s', '-1'];
  const server = spawn(command, rest, { stdio: 'ignore' });
  const ended = once(server, 'close');
  await sleep(500);
  const options = ['-c', wan.b.address, '-P', String(flows), '-C', 'bbr', '-t', String(iperfSeconds), '-J'];
  const [program = '', ...first] = [...wan.a.launcher, 'iperf3', ...options];
  const told: unknown = JSON.parse(execFileSync(program, first, { encoding: 'utf8', maxBuffer: 2 ** 26 }));
  await ended;
  return (told as { end: { sum_received: { bits_per_second: number } } }).end.sum_received.bits_per_second / 1e6;
}

function makeLarge(): string {
  const path = workspace.folder('large');
  writeRandomFile(join(path, 'file'), largeBytes);
  return path;
}

function makeSmall(): string {
  const path = workspace.folder('small');
  for (let index = 0; index < smallCount; index++) {
    if (index < 100) workspace.folder(path, String(index));
    writeFileSync(join(path, String(index % 100), `file-${index}`), randomBytes(smallBytes));
  }
  return path;
}
