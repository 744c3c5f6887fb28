/**
 * The first backup, an unchanged second one and a whole restore: the command line with a serving appliance, beside restic
 * and borg, in one run. Usage: node test/bench/backup.ts [--runs N] [--quick] [TREE]. docs/benchmarks.md says how to read it.
 */
import { resolve } from 'node:path';
import { type BackupTool, backupTools, type StepUsage } from './measure/backup-tools.ts';
import { flushToDisk } from './measure/flush-to-disk.ts';
import { benchOptions } from './measure/options.ts';
import { formatBytes, formatNumber, machineLine, markdownTable, median, say } from './measure/report.ts';
import { copySources, type TreeFacts, treeFacts, warm } from './measure/trees.ts';
import { machineCpuSeconds } from './measure/usage.ts';
import { Workspace } from './measure/workspace.ts';

interface Step extends StepUsage {
  /** Processor time that all else on the machine took meanwhile: a step of which it is a large part is to be taken again. */
  readonly othersSeconds: number;
}

interface ToolRun {
  readonly first: Step;
  readonly unchanged: Step;
  readonly restore: Step;
  readonly storeBytes: number;
}

const { quick, runs, paths } = benchOptions('node test/bench/backup.ts [--runs N] [--quick] [TREE]', 3);
const quickTreeBytes = 20_000_000;
const asked = quick ? undefined : resolve(paths[0] ?? '/usr/lib');
const askedBytes = asked === undefined ? quickTreeBytes : treeFacts(asked).bytes;
const installed = backupTools.filter(({ version }) => version !== undefined);

// Each run of each tool leaves a store and a restored tree.
using workspace = new Workspace('backup', 2 * runs * installed.length * askedBytes);
const tree = asked ?? workspace.folder('tree');
if (asked === undefined) copySources(tree);
const facts = treeFacts(tree);
const results = new Map<BackupTool, ToolRun[]>(installed.map((tool) => [tool, []]));
for (let run = 0; run < runs; run++) {
  // Another one begins each time: what the machine does on the side hits no tool always.
  for (let turn = 0; turn < installed.length; turn++) {
    const tool = installed[(run + turn) % installed.length]!;
    say(`run ${run + 1} of ${runs}: ${tool.name}`);
    results.get(tool)?.push(await runOnce(tool, workspace.folder(`${run}-${turn}`), facts));
  }
}
print();

async function runOnce(tool: BackupTool, folder: string, expected: TreeFacts): Promise<ToolRun> {
  await using opened = await tool.open(workspace, folder);
  warm(tree);
  flushToDisk();
  const first = await observed('first backup', () => opened.backUp(tree));
  flushToDisk();
  const unchanged = await observed('unchanged backup', () => opened.backUp(tree));
  const storeBytes = opened.storeBytes();
  const target = workspace.folder(folder, 'restored');
  flushToDisk();
  const restore = await observed('whole restore', () => opened.restore(target));
  const restored = treeFacts(target);
  if (restored.files !== expected.files || restored.bytes !== expected.bytes) {
    say(
      `${tool.name} restored ${restored.files} files, ${restored.bytes} bytes; the tree had ${expected.files}, ${expected.bytes}`,
    );
  }
  return { first, unchanged, restore, storeBytes };
}

async function observed(what: string, work: () => Promise<StepUsage>): Promise<Step> {
  const before = machineCpuSeconds();
  const usage = await work();
  const othersSeconds = Math.max(machineCpuSeconds() - before - cpuSecondsOf(usage), 0);
  say(`  ${what}: ${formatNumber(usage.client.seconds)} s; others took ${formatNumber(othersSeconds)} s of CPU`);
  return { ...usage, othersSeconds };
}

function cpuSecondsOf({ client, appliance }: StepUsage): number {
  return client.cpuSeconds + (appliance?.cpuSeconds ?? 0);
}

function print(): void {
  const row = (label: string, value: (run: ToolRun) => number | undefined, scale = 1, compared = true): string[] => {
    const medianOf = (tool: BackupTool) => {
      const values = results.get(tool)?.map(value) ?? [];
      return values.includes(undefined) ? undefined : median(values as number[]) / scale;
    };
    const ours = compared ? medianOf(backupTools[0]!) : undefined;
    return [label, ...backupTools.map((tool) => cell(tool, medianOf(tool), ours))];
  };
  const step = (label: string, of: (run: ToolRun) => Step): string[][] => [
    row(`${label}, s`, (run) => of(run).client.seconds),
    row('CPU, s', (run) => cpuSecondsOf(of(run))),
    row('of it the appliance, s', (run) => of(run).appliance?.cpuSeconds),
    row('peak memory, MB', (run) => of(run).client.peakBytes + (of(run).appliance?.peakBytes ?? 0), 1e6),
    row('of it the appliance, MB', (run) => of(run).appliance?.peakBytes, 1e6),
    row('CPU of all else on the machine, s', (run) => of(run).othersSeconds, 1, false),
  ];
  const rows = [
    ...step('**first backup**', (run) => run.first),
    ...step('**unchanged backup**', (run) => run.unchanged),
    ...step('**whole restore**', (run) => run.restore),
    row('**store after both**, MB', (run) => run.storeBytes, 1e6),
  ];
  console.log(markdownTable(['median (sitepair / this one)', ...backupTools.map(({ name }) => name)], rows));
  const versions = [...new Set(installed.map(({ version }) => version))].join('; ');
  const what = asked ?? "this repository's sources";
  console.log(
    `\n${what}: ${facts.files} files, ${formatBytes(facts.bytes)}; runs of each: ${runs}. ${versions}. ${machineLine()}.`,
  );
}

function cell(tool: BackupTool, value: number | undefined, ours: number | undefined): string {
  if (tool.version === undefined) return 'not installed';
  if (value === undefined) return '';
  return tool === backupTools[0] || ours === undefined
    ? formatNumber(value)
    : `${formatNumber(value)} (${formatNumber(ours / value)})`;
}
