/**
 * How many bytes a line carries until a tree is at the other site, and then its next version; beside `rsync -az` from the
 * same end to the same end. Counted by the interface: all of TCP and IP, both ways. Needs root, iproute2, a C compiler, and
 * rsync; packages are downloaded once. Usage: node test/bench/bytes.ts [--runs N] [--quick].
 */
import { execFileSync, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { lineMissing, WanLine } from '../kit/wan-line.ts';
import { versionOf } from './measure/installed.ts';
import { benchOptions } from './measure/options.ts';
import { formatBytes, formatNumber, machineLine, markdownTable, median, say } from './measure/report.ts';
import { bytesBelow, databaseSeries, imageSeries, logSeries, packageSeries, type Series } from './measure/series.ts';
import { TwoSites } from './measure/two-sites.ts';
import { Workspace } from './measure/workspace.ts';

interface Step {
  readonly ours: number;
  readonly rsync: number;
}

interface Outcome {
  readonly series: Series;
  readonly bytes: number;
  readonly steps: { readonly first: Step[]; readonly second: Step[]; readonly unchanged: Step[] };
}

const { quick, runs } = benchOptions('node test/bench/bytes.ts [--runs N] [--quick]', 1);
const rsync = versionOf('rsync', '--version');
const missing = lineMissing() ?? (rsync === undefined ? 'needs rsync' : undefined);
if (missing !== undefined) {
  say(`skipped: ${missing}`);
  process.exit(0);
}
const firstGoal = 0.85;
/** An office's uplink, and one that carries the image in minutes. */
const slow = { megabits: 5, delayMs: 15 };
const fast = { megabits: 20, delayMs: 15 };
/** After that a connection has told what it has to tell. */
const calmMs = 1500;

const packages = [
  packageSeries('lodash', '4.17.20', '4.17.21'),
  packageSeries('react-dom', '18.2.0', '18.3.1'),
  ...(quick
    ? []
    : [
        packageSeries('typescript', '5.5.3', '5.5.4'),
        packageSeries('webpack', '5.90.3', '5.91.0'),
        packageSeries('eslint', '8.56.0', '8.57.0'),
        packageSeries('prettier', '3.2.5', '3.3.0'),
      ]),
].filter((series) => series !== undefined);
const small = [...packages, databaseSeries(quick ? 10_000 : 200_000), logSeries(quick ? 40_000 : 600_000)];
const image = imageSeries(quick ? 4000 : 244_141);

using workspace = new Workspace('bytes', (quick ? 0.4e9 : 5e9) * runs);
const outcomes: Outcome[] = [];
for (let run = 0; run < runs; run++) {
  await measure(run, slow, small);
  await measure(run, fast, [image]);
}
print();

async function measure(run: number, settings: typeof slow, all: readonly Series[]): Promise<void> {
  await using line = await WanLine.up(settings);
  const folder = workspace.folder(`${run}-${settings.megabits}`);
  await using sites = await TwoSites.start(workspace, folder, line);
  const port = await serveRsync(line, workspace.folder(folder, 'rsync'));
  for (const [index, series] of all.entries()) {
    say(`run ${run + 1} of ${runs}: ${series.name}`);
    const tree = workspace.folder(folder, `tree-${index}`);
    const step = async (): Promise<Step> => {
      const theirs = await counted(line, async () => {
        const target = `rsync://${line.b.address}:${port}/all/tree-${index}/`;
        const [program = '', ...rest] = [...line.a.launcher, 'rsync', '-az', '--delete', `${tree}/`, target];
        execFileSync(program, rest);
      });
      const ours = await counted(line, async () => {
        await sites.replicateAtOnce(tree, `tree-${index}`);
      });
      return { ours, rsync: theirs };
    };
    series.first(tree);
    const outcome = outcomeOf(series, bytesBelow(tree));
    outcome.steps.first.push(await step());
    series.second(tree);
    outcome.steps.second.push(await step());
    outcome.steps.unchanged.push(await step());
  }
}

function outcomeOf(series: Series, bytes: number): Outcome {
  const known = outcomes.find((one) => one.series.name === series.name);
  if (known !== undefined) return known;
  const outcome = { series, bytes, steps: { first: [], second: [], unchanged: [] } };
  outcomes.push(outcome);
  return outcome;
}

/** What both ends have put on the line meanwhile, heartbeats of the link included. */
async function counted(line: WanLine, work: () => Promise<void>): Promise<number> {
  await sleep(calmMs);
  const before = line.a.sentBytes() + line.b.sentBytes();
  await work();
  await sleep(calmMs);
  return line.a.sentBytes() + line.b.sentBytes() - before;
}

async function serveRsync(line: WanLine, folder: string): Promise<number> {
  const port = 8730;
  const settings = join(folder, 'rsyncd.conf');
  const target = workspace.folder(folder, 'target');
  writeFileSync(settings, `use chroot = no\nuid = 0\ngid = 0\n[all]\npath = ${target}\nread only = no\n`);
  const options = ['--daemon', '--no-detach', `--config=${settings}`, `--port=${port}`, `--address=${line.b.address}`];
  const [program = '', ...rest] = [...line.b.launcher, 'rsync', ...options];
  const daemon = spawn(program, rest, { stdio: 'ignore' });
  workspace.beforeRemoval(() => daemon.kill('SIGKILL'));
  await sleep(500);
  return port;
}

function print(): void {
  const header = ['bytes on the line', 'files', 'sitepair', 'rsync -az', 'ratio', 'goal'];
  const of = (steps: readonly Step[], value: (step: Step) => number) => median(steps.map(value));
  const row = (name: string, bytes: number, steps: readonly Step[], goal: number | undefined) => {
    const [ours, theirs] = [of(steps, (step) => step.ours), of(steps, (step) => step.rsync)];
    const goalCell = goal === undefined ? '' : formatNumber(goal);
    return [name, formatBytes(bytes), formatBytes(ours), formatBytes(theirs), formatNumber(ours / theirs), goalCell];
  };
  const rows = outcomes.flatMap(({ series, bytes, steps }) => [
    row(`**${series.name}**, first`, bytes, steps.first, firstGoal),
    row('update', bytes, steps.second, series.updateGoal),
    row('unchanged', bytes, steps.unchanged, undefined),
  ]);
  const names = new Set(packages.map(({ name }) => name));
  const sums = (['first', 'second'] as const).map((step) => {
    const steps = outcomes.filter(({ series }) => names.has(series.name)).flatMap(({ steps: all }) => all[step]);
    const [ours, theirs] = [
      steps.reduce((sum, one) => sum + one.ours, 0),
      steps.reduce((sum, one) => sum + one.rsync, 0),
    ];
    const goal = step === 'first' ? firstGoal : 0.4;
    return [
      `**packages together**, ${step}`,
      '',
      formatBytes(ours),
      formatBytes(theirs),
      formatNumber(ours / theirs),
      formatNumber(goal),
    ];
  });
  console.log(markdownTable(header, [...rows, ...(packages.length > 0 ? sums : [])]));
  const lines = `${slow.megabits} Mbit/s (the image: ${fast.megabits}), ${2 * slow.delayMs} ms`;
  console.log(`\n${lines}; all IP packets, both ways; runs of each: ${runs}. ${rsync}. ${machineLine()}.`);
}
