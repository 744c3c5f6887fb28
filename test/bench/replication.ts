/**
 * One appliance sends snapshots to another over loopback: one large file, many small ones, the same again unchanged; beside
 * `restic copy` and `rsync -a` from folder to folder. Usage: node test/bench/replication.ts [--runs N] [--quick].
 */
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { flushToDisk } from './measure/flush-to-disk.ts';
import { versionOf } from './measure/installed.ts';
import { benchOptions } from './measure/options.ts';
import { formatBytes, formatNumber, machineLine, markdownTable, median, say } from './measure/report.ts';
import { ResticCopies } from './measure/restic-copies.ts';
import { treeFacts, warm, writeRandomFile } from './measure/trees.ts';
import { type Replication, TwoSites } from './measure/two-sites.ts';
import { measureCommand, type Usage } from './measure/usage.ts';
import { Workspace } from './measure/workspace.ts';

interface TreeRuns {
  readonly name: string;
  readonly path: string;
  readonly ours: { readonly first: Replication[]; readonly unchanged: Replication[] };
  readonly restic: { readonly first: Usage[]; readonly unchanged: Usage[] };
  readonly rsync: { readonly first: Usage[]; readonly unchanged: Usage[] };
}

const { quick, runs } = benchOptions('node test/bench/replication.ts [--runs N] [--quick]', 3);
const largeBytes = quick ? 0 : 1_000_000_000;
const smallCount = quick ? 500 : 20_000;
const smallBytesMax = 8192;
const treesBytes = largeBytes + (smallCount * smallBytesMax) / 2;
const restic = versionOf('restic', 'version');
const rsync = versionOf('rsync', '--version');

// The trees, and for each run two stores of ours, two of restic and a copy by rsync.
using workspace = new Workspace('replication', treesBytes * (1 + 5 * runs));
const trees = quick ? [makeSmall()] : [makeLarge(), makeSmall()];
for (let run = 0; run < runs; run++) {
  const folder = workspace.folder(`run-${run}`);
  say(`run ${run + 1} of ${runs}: sitepair`);
  await runSitepair(folder);
  if (restic !== undefined) {
    say(`run ${run + 1} of ${runs}: restic`);
    await runRestic(workspace.folder(folder, 'restic'));
  }
  if (rsync !== undefined) {
    say(`run ${run + 1} of ${runs}: rsync`);
    await runRsync(workspace.folder(folder, 'rsync'));
  }
}
print();

async function runSitepair(folder: string): Promise<void> {
  await using sites = await TwoSites.start(workspace, folder);
  for (const [index, { path, ours }] of trees.entries()) {
    for (const results of [ours.first, ours.unchanged]) {
      prepare(path);
      results.push(await sites.replicateNew(path, `tree-${index}`));
    }
  }
}

async function runRestic(folder: string): Promise<void> {
  const copies = new ResticCopies(folder);
  await copies.init();
  for (const { path, restic: results } of trees) {
    prepare(path);
    results.first.push(await copies.copyNew(path));
    prepare(path);
    results.unchanged.push(await copies.copyNew(path));
  }
}

async function runRsync(folder: string): Promise<void> {
  for (const [index, { path, rsync: results }] of trees.entries()) {
    const command = ['rsync', '-a', `${path}/`, join(folder, `tree-${index}/`)];
    prepare(path);
    results.first.push(await measureCommand(command));
    prepare(path);
    results.unchanged.push(await measureCommand(command));
  }
}

function prepare(path: string): void {
  warm(path);
  flushToDisk();
}

function makeLarge(): TreeRuns {
  const path = workspace.folder('large');
  writeRandomFile(join(path, 'file'), largeBytes);
  return treeRuns(`one file of ${formatBytes(largeBytes)}`, path);
}

/** As many folders as a mail server has; sizes spread evenly, so that their mean is half of the largest. */
function makeSmall(): TreeRuns {
  const path = workspace.folder('small');
  for (let index = 0; index < smallCount; index++) {
    const folder = join(path, String(index % 100));
    if (index < 100) workspace.folder(folder);
    writeFileSync(join(folder, String(index)), randomBytes(1 + ((index * 2_654_435_761) % smallBytesMax)));
  }
  return treeRuns(`${smallCount} files of ${formatBytes(smallBytesMax / 2)} on average`, path);
}

function treeRuns(name: string, path: string): TreeRuns {
  const none = () => ({ first: [], unchanged: [] });
  return { name, path, ours: none(), restic: none(), rsync: none() };
}

function print(): void {
  const header = ['median (sitepair / this one)', 'sitepair', 'restic copy', 'rsync -a'];
  console.log(markdownTable(header, trees.flatMap(rowsOf)));
  const versions = [restic, rsync].filter((version) => version !== undefined).join('; ');
  console.log(`\nRandom content; runs of each: ${runs}. ${versions}. ${machineLine()}.`);
}

function rowsOf({ name, path, ours, restic: copies, rsync: synced }: TreeRuns): string[][] {
  const { bytes } = treeFacts(path);
  const of = <T>(results: readonly T[], value: (result: T) => number) => median(results.map(value));
  const peers = (step: 'first' | 'unchanged', value: (usage: Usage) => number, ownValue: number) =>
    [copies[step], synced[step]].map((results) => peerCell(results, value, ownValue));
  const seconds = of(ours.first, (result) => result.seconds);
  const rate = of(ours.first, (result) => result.sealedBytes / 1e6 / result.seconds);
  const cpu = of(ours.first, ({ sender, receiver }) => sender.cpuSeconds + receiver.cpuSeconds);
  const again = of(ours.unchanged, (result) => result.seconds);
  const only = (label: string, results: readonly Replication[], value: (result: Replication) => number) => {
    return [label, formatNumber(of(results, value)), '', ''];
  };
  return [
    [`**${name}**, s`, formatNumber(seconds), ...peers('first', (usage) => usage.seconds, seconds)],
    [
      'MB/s (sealed bytes; of the others content)',
      formatNumber(rate),
      ...peers('first', (usage) => bytes / 1e6 / usage.seconds, rate),
    ],
    ['CPU of all, s', formatNumber(cpu), ...peers('first', (usage) => usage.cpuSeconds, cpu)],
    only('of it the sender, s', ours.first, ({ sender }) => sender.cpuSeconds),
    only('of it the receiver, s', ours.first, ({ receiver }) => receiver.cpuSeconds),
    only('peak memory of the sender, MB', ours.first, ({ sender }) => sender.peakBytes / 1e6),
    only('peak memory of the receiver, MB', ours.first, ({ receiver }) => receiver.peakBytes / 1e6),
    ['new snapshot, unchanged, s', formatNumber(again), ...peers('unchanged', (usage) => usage.seconds, again)],
    only('sealed bytes for it, kB', ours.unchanged, ({ sealedBytes }) => sealedBytes / 1e3),
  ];
}

function peerCell(results: readonly Usage[], value: (usage: Usage) => number, ours: number): string {
  if (results.length === 0) return 'not installed';
  const theirs = median(results.map(value));
  return `${formatNumber(theirs)} (${formatNumber(ours / theirs)})`;
}
