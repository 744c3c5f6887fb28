import { join } from 'node:path';
import type { Clock } from '#runtime';
import type { CheckResult, Invitation, PairingView, ScrubResult, SnapshotView } from '../appliance/operations.ts';
import { counted, formatBytes, formatCount, formatDuration } from '../cli/format.ts';
import { changeFiles } from './change-files.ts';
import { compareRestored } from './compare-restored.ts';
import { copyData, type DemoData } from './demo-data.ts';
import { check } from './demo-failure.ts';
import type { DemoSite } from './demo-site.ts';
import { MeteredLine } from './metered-line.ts';
import type { Narrator } from './narrator.ts';
import { until } from './until.ts';
import { writeRandomFile } from './write-random-file.ts';

/** What the story is played with: every command in it runs as a process of its own, every figure is measured. */
export interface DemoStage {
  readonly data: DemoData;
  readonly north: DemoSite;
  readonly south: DemoSite;
  /** North on a new machine: its state folder is still to be made. */
  readonly northRebuilt: DemoSite;
  /** Where the files to protect, the recovery kits and what is restored go. */
  readonly folder: string;
  readonly narrator: Narrator;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Leaves nothing of a site, as a fire does. */
  readonly burn: (site: DemoSite) => Promise<void>;
}

/** The stage, once the line between the sites is there. */
interface Scene extends DemoStage {
  readonly line: MeteredLine;
}

const dataset = 'files';
// Large enough to be cut in its middle on any machine, small enough for a short demo.
const bigFileBytes = 48_000_000;
const cutAfterBytes = 16_000_000;
// What handshakes, offers, framing and catalog may add to the records on the line: as many bytes, or this share.
const lineExtraBytes = 500_000;
const lineExtraShare = 0.05;
// Of a record that is wanted for the greater part of it, the rest goes along.
const sharedRecordsShare = 0.1;

/** What `sitepair backup --json` says. */
interface Backup {
  readonly snapshot: SnapshotView;
  readonly totals: { readonly files: number; readonly contentBytes: number };
  readonly statistics: { readonly filesReused: number };
  /** What was new, compressed. */
  readonly sentBytes: number;
  readonly seconds: number;
  readonly problemCount: number;
}

interface Amount {
  readonly bytes: number;
  readonly seconds: number;
}

/**
 * The story, top to bottom: of two sites one burns, and the other brings all of it back. Returns with south and the
 * rebuilt north running, and tells where south listens. Each step checks what it claims. Throws `demo_failed`, or the
 * signal's reason.
 */
export async function playDemo(stage: DemoStage): Promise<string> {
  const southAddress = await makeSites(stage);
  await using line = await MeteredLine.open(southAddress);
  const scene = { ...stage, line };
  await pair(scene);
  await firstBackup(scene);
  await secondBackup(scene);
  await killTheSender(scene);
  await burnNorth(scene);
  await rebuildNorth(scene);
  await readEverythingBack(scene);
  return southAddress;
}

async function makeSites({ narrator, data, north, south, folder, signal }: DemoStage): Promise<string> {
  const { address } = await narrator.step('sites', 'Two sites', async () => {
    await Promise.all([
      copyData(data, filesIn(folder), signal),
      north.run('init', '--site', north.name, '--kit', northKit(folder)),
      south.run('init', '--site', south.name, '--kit', join(folder, 'south.kit')),
    ]);
    const [address] = await Promise.all([south.serve('127.0.0.1:0'), north.serve()]);
    check(address !== undefined, 'south does not say where it listens');
    const says = [
      `north protects a copy of ${data.what}, ${formatBytes(data.bytes)}. south is in another town.`,
      'Both are processes on this machine; the line between them counts every byte that crosses it.',
    ];
    return { says, figures: { dataBytes: data.bytes, address } };
  });
  return address;
}

async function pair({ narrator, north, south, line, signal }: Scene): Promise<void> {
  await narrator.step('pairing', 'Pairing', async () => {
    const { code } = await south.run<Invitation>('pair', 'invite', '--address', line.address);
    const { words } = await north.run<PairingView>('pair', 'accept', code);
    const [seenBySouth] = await south.run<PairingView[]>('pair', 'list');
    const isSame = words.length === 6 && words.join() === seenBySouth?.words.join();
    check(isSame, `north shows the words ${words.join(' ')}, south ${seenBySouth?.words.join(' ')}`);
    // North came by the line; when it starts again, it is to come by it again and not where south says that it listens.
    await north.run('pair', 'set-address', south.name, line.address);
    await Promise.all([
      south.run('pair', 'confirm', north.name, '--yes'),
      north.run('pair', 'confirm', south.name, '--yes'),
    ]);
    await until(line, signal, 'both sites to be paired and linked', async () => {
      const [[there], [here]] = await Promise.all([north.api.call('pairList', {}), south.api.call('pairList', {})]);
      return [there, here].every((peer) => peer?.state === 'paired' && peer.link === 'up');
    });
    const says = [
      'south invited, north accepted, and both show the same six words, for their admins to compare:',
      `  ${words.join('  ')}`,
    ];
    return { says, figures: { words } };
  });
}

async function firstBackup(scene: Scene): Promise<void> {
  await scene.narrator.step('firstBackup', 'First backup', async () => {
    const { totals, stored, sent } = await backUpAndReplicate(scene);
    check(sent.bytes > stored.bytes / 2, `only ${sent.bytes} bytes crossed the line for ${stored.bytes} new ones`);
    const says = [
      `north backed up ${counted(totals.files, 'file')}, ${formatBytes(totals.contentBytes)}, in ${formatDuration(stored.seconds)}. ` +
        `Deduplicated and compressed they are ${formatBytes(stored.bytes)}.`,
      `${formatDuration(sent.seconds)} later south had proved that it holds them too. ${formatBytes(sent.bytes)} crossed the line.`,
    ];
    return { says, figures: { files: totals.files, contentBytes: totals.contentBytes, ...flat({ stored, sent }) } };
  });
}

async function secondBackup(scene: Scene): Promise<void> {
  const { narrator, folder } = scene;
  await narrator.step('secondBackup', 'A day of work, and a second backup', async () => {
    const changes = changeFiles(filesIn(folder));
    const { totals, statistics, stored, sent } = await backUpAndReplicate(scene);
    const { edited, deleted, renamedFolders, made } = changes;
    const says = [
      `${counted(edited, 'file')} edited, ${formatCount(deleted)} deleted, ${counted(renamedFolders, 'folder')} renamed, ` +
        `${formatCount(made)} new: hard links, odd rights and names, an attribute.`,
      `north read what had changed and took ${counted(statistics.filesReused, 'file')} for unchanged: ${formatDuration(stored.seconds)}.`,
      `${formatBytes(sent.bytes)} of ${formatBytes(totals.contentBytes)} crossed the line (${percent(sent.bytes, totals.contentBytes)}); south holds this one ${formatDuration(sent.seconds)} later.`,
    ];
    return { says, figures: { ...changes, filesReused: statistics.filesReused, ...flat({ stored, sent }) } };
  });
}

async function killTheSender({ narrator, north, south, line, folder, signal }: Scene): Promise<void> {
  await narrator.step('killedSender', 'The sender is killed in the middle', async () => {
    writeRandomFile(join(filesIn(folder), 'film.raw'), bigFileBytes);
    const storedBefore = await storedBytes(south);
    line.stopAfter(cutAfterBytes);
    const { snapshot } = await backUp(north, folder);
    await until(line, signal, 'the line to carry a part of the file', () => line.isStopped);
    await until(line, signal, 'south to store a part of the file', async () => {
      return (await storedBytes(south)) - storedBefore > cutAfterBytes / 4;
    });
    const { pid } = north;
    await north.kill();
    line.goOn();
    await until(line, signal, 'south to notice', async () => (await linkOf(south)) !== 'up');
    const keptBytes = (await storedBytes(south)) - storedBefore;
    check(!(await heldBy(south, snapshot)).includes(south.name), 'south says that it holds what was cut in the middle');

    const crossedBefore = line.bytes;
    await north.serve();
    await north.run('replicate', dataset);
    const resumedBytes = line.bytes - crossedBefore;
    await checkHeld(north, snapshot, south);
    checkSent(resumedBytes, bigFileBytes - keptBytes, lineExtraShare);
    check(resumedBytes > (bigFileBytes - keptBytes) / 2, `only ${resumedBytes} bytes crossed the line for the rest`);
    await checkStore(south);
    const says = [
      `A new file of ${formatBytes(bigFileBytes)}. When ${formatBytes(cutAfterBytes)} had crossed the line, north got a kill -9 (process ${pid}).`,
      `south kept what it had, ${formatBytes(keptBytes)}. north was started again and went on by itself: only ${formatBytes(resumedBytes)} more crossed the line. The store of south fits together.`,
    ];
    return { says, figures: { fileBytes: bigFileBytes, cutAfterBytes, keptBytes, resumedBytes } };
  });
}

async function burnNorth({ narrator, north, south, folder, burn }: Scene): Promise<void> {
  await narrator.step('fire', 'North burns, south restores', async () => {
    await burn(north);
    const target = join(folder, 'restored');
    const { report, seconds } = await south.run<{
      readonly report: { readonly files: number; readonly bytes: number };
      readonly seconds: number;
    }>('restore', `${north.name}/${dataset}@latest`, '--to', target);
    const { entries, bytes } = await compareRestored(filesIn(folder), target);
    check(entries >= report.files && bytes >= report.bytes, `compared only ${bytes} bytes of ${report.bytes} restored`);
    const says = [
      `north is killed and its folder deleted. south alone restored ${counted(report.files, 'file')}, ${formatBytes(report.bytes)}, in ${formatDuration(seconds)}.`,
      `Compared with what north had, ${formatCount(entries)} entries and ${formatBytes(bytes)}: no byte differs, and no owner, right, time, link or attribute.`,
    ];
    return { says, figures: { files: report.files, bytes, entries, differences: 0, restoreSeconds: seconds } };
  });
}

async function rebuildNorth({ narrator, northRebuilt, south, line, folder, signal }: Scene): Promise<void> {
  await narrator.step('rebuild', 'North is rebuilt from south', async () => {
    const crossedBefore = line.bytes;
    const { snapshots } = await northRebuilt.run<{ readonly snapshots: number }>(
      ...['rebuild', '--from', line.address, '--kit', northKit(folder)],
    );
    await northRebuilt.serve();
    await until(line, signal, 'north to hold its snapshots again', async () => {
      const all = await northRebuilt.api.call('snapshots', {});
      return all.length === snapshots && all.every(({ copies }) => copies.includes(northRebuilt.name));
    });
    const both = [northRebuilt, south];
    let digest = '';
    await until(line, signal, 'both catalogs to agree', async () => {
      const [one, other] = await Promise.all(both.map(({ api }) => api.call('catalogDigest', {})));
      digest = one?.digest ?? '';
      return digest === other?.digest;
    });
    const lineBytes = line.bytes - crossedBefore;
    const stored = await storedBytes(northRebuilt);
    check(lineBytes > stored / 2, `only ${lineBytes} bytes crossed the line for ${stored} stored ones`);
    const says = [
      `On an empty folder, with nothing but the recovery kit: keys, catalog and ${counted(snapshots, 'snapshot')} came back, ${formatBytes(lineBytes)}.`,
      `Both catalogs have the same digest: ${digest.slice(0, 16)}...`,
    ];
    return { says, figures: { snapshots, lineBytes, digest } };
  });
}

async function readEverythingBack({ narrator, northRebuilt, south }: Scene): Promise<void> {
  await narrator.step('scrub', 'Everything is read back', async () => {
    const sites = [northRebuilt, south];
    const scrubs = await Promise.all(sites.map((site) => site.run<ScrubResult>('scrub')));
    for (const site of sites) await checkStore(site);
    const [here = 0, there = 0] = scrubs.map(({ bytes }) => bytes);
    check(here > 0 && there > 0, 'a scrub has read nothing');
    const says = [`north read ${formatBytes(here)}, south ${formatBytes(there)}: every record at both sites is good.`];
    return { says, figures: { northBytes: here, southBytes: there, findings: 0 } };
  });
}

async function backUp(site: DemoSite, folder: string): Promise<Backup> {
  const backup = await site.run<Backup>('backup', filesIn(folder), '--dataset', dataset);
  check(backup.problemCount === 0, `the backup met ${backup.problemCount} problems`);
  return backup;
}

/** A backup at north, and its way to south, which north begins by itself. */
async function backUpAndReplicate({ north, south, line, folder, clock }: Scene) {
  const crossedBefore = line.bytes;
  const storedBefore = await storedBytes(north);
  const { snapshot, totals, statistics, seconds } = await backUp(north, folder);
  const bytes = (await storedBytes(north)) - storedBefore;
  const startedMs = clock.monotonicMs();
  await north.run('replicate', dataset);
  const sent = { bytes: line.bytes - crossedBefore, seconds: (clock.monotonicMs() - startedMs) / 1000 };
  await checkHeld(north, snapshot, south);
  checkSent(sent.bytes, bytes, sharedRecordsShare);
  return { totals, statistics, stored: { bytes, seconds }, sent };
}

/** No more crossed the line than what was new, and what belongs to a line. */
function checkSent(lineBytes: number, newBytes: number, extraShare: number): void {
  const mostBytes = newBytes + Math.max(lineExtraBytes, newBytes * extraShare);
  check(lineBytes <= mostBytes, `${lineBytes} bytes crossed the line for ${newBytes} new bytes`);
}

async function checkHeld(asked: DemoSite, snapshot: SnapshotView, holder: DemoSite): Promise<void> {
  const holders = await heldBy(asked, snapshot);
  check(holders.includes(holder.name), `${snapshot.name} is held by ${holders.join(' and ')} only`);
}

async function heldBy({ api }: DemoSite, { id }: SnapshotView): Promise<readonly string[]> {
  return (await api.call('snapshot', { reference: id })).copies;
}

async function checkStore(site: DemoSite): Promise<void> {
  // Exits with 1 on any finding, and fails the demo so.
  await site.run<CheckResult>('store', 'check');
}

async function storedBytes({ api }: DemoSite): Promise<number> {
  return (await api.call('status', {})).store.bytes;
}

async function linkOf({ api }: DemoSite): Promise<string | undefined> {
  return (await api.call('pairList', {}))[0]?.link;
}

function filesIn(folder: string): string {
  return join(folder, 'files');
}

function northKit(folder: string): string {
  return join(folder, 'north.kit');
}

function flat({ stored, sent }: { readonly stored: Amount; readonly sent: Amount }) {
  return {
    storedBytes: stored.bytes,
    backupSeconds: stored.seconds,
    lineBytes: sent.bytes,
    replicationSeconds: sent.seconds,
  };
}

function percent(part: number, whole: number): string {
  return `${((part * 100) / Math.max(1, whole)).toFixed(1)} %`;
}
