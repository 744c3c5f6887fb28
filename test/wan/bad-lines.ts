import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { systemTimers } from '#runtime';
import { CutLine } from '../kit/cut-line.ts';
import { writeSeededFile } from '../kit/seeded-file.ts';
import { pairThroughLine, TestSite, testFolder, untilHeldBy } from '../kit/test-site.ts';
import type { LineSettings } from '../kit/wan-line.ts';
import { LinePair } from './line-pair.ts';

/** A tree of one file that nothing compresses. */
function makeTree(folder: string, bytes: number): string {
  const tree = `${folder}/tree`;
  mkdirSync(tree);
  writeSeededFile(`${tree}/file`, bytes, bytes);
  return tree;
}

export async function crosses(settings: LineSettings, bytes: number): Promise<void> {
  await using pair = await LinePair.up('wan-bad', settings);
  await pair.north.ok('backup', makeTree(pair.folder, bytes), '--dataset', 'tree');
  await pair.north.ok('replicate');
  await untilHeldBy(pair.north, 2);
}

/** The address of one end changes in the middle; it dials anew from where it is. */
export async function changesAddress(): Promise<void> {
  await using pair = await LinePair.up('wan-address', { megabits: 100, delayMs: 10 });
  const { line, north, folder } = pair;
  const tree = makeTree(folder, 60e6);
  await north.ok('backup', tree, '--dataset', 'tree');
  await systemTimers.sleep(1500);
  const [snapshot] = await north.api.call('snapshots', {});
  assert.deepEqual(snapshot?.copies, ['north'], 'the address changed too late to matter');
  const ip = (...args: string[]) => execFileSync('ip', args);
  const [a, b] = [line.a, line.b].map(({ launcher }) => launcher.at(-1) as string) as [string, string];
  ip('-n', a, 'addr', 'del', `${line.a.address}/32`, 'peer', line.b.address, 'dev', 't0');
  ip('-n', a, 'addr', 'add', '10.77.0.9', 'peer', line.b.address, 'dev', 't0');
  ip('-n', b, 'addr', 'del', `${line.b.address}/32`, 'peer', line.a.address, 'dev', 't0');
  ip('-n', b, 'addr', 'add', line.b.address, 'peer', '10.77.0.9', 'dev', 't0');
  await north.ok('replicate');
  await untilHeldBy(north, 2);
}

/** Without this setting of the kernel, which comes with our sysctl.d, a hole swallows large packets for ever. */
export async function crossesMtuHole(): Promise<void> {
  await using pair = await LinePair.up('wan-mtu', { megabits: 100, delayMs: 5 });
  const { line, north, folder } = pair;
  for (const { launcher } of [line.a, line.b])
    execFileSync('ip', [...launcher.slice(1), 'sysctl', '-qw', 'net.ipv4.tcp_mtu_probing=1']);
  line.set({ packetBytesMax: 1300 });
  // The kernel learns of the hole by losses alone: those tell that it was there.
  await north.ok('backup', makeTree(folder, 5e6), '--dataset', 'tree');
  await north.ok('replicate');
  await untilHeldBy(north, 2);
  const [health] = await north.api.call('linkHealth', {});
  assert.ok((health?.resentSegments ?? 0) > 0, 'nothing was lost: there was no hole');
}

/** North dials south through a relay that can spoil what crosses; `spoil` happens in the middle of a replication. */
async function throughRelay(spoil: (line: CutLine, north: TestSite) => Promise<void>): Promise<void> {
  using root = testFolder('wan-relay');
  await using north = await TestSite.init(root.path, 'north');
  await using south = await TestSite.init(root.path, 'south');
  await using line = await CutLine.open(await south.serve());
  await north.serveUnreachable();
  await pairThroughLine(south, north, line.address);
  await north.ok('backup', makeTree(root.path, 150e6), '--dataset', 'tree');
  await spoil(line, north);
  await north.ok('replicate');
  await untilHeldBy(north, 2);
}

/** A line that takes everything and delivers nothing, until that was noticed. */
export const noticesSilence = (): Promise<void> =>
  throughRelay(async (line, north) => {
    line.spoil = () => undefined;
    const startedMs = performance.now();
    while ((await north.api.call('pairList', {})).some(({ link }) => link === 'up')) {
      assert.ok(performance.now() - startedMs < 25_000, 'nobody notices');
      await systemTimers.sleep(200);
    }
    line.spoil = (part) => part;
  });

/** A line that flips a bit in each 20 MB, five times. */
export async function survivesFlips(): Promise<void> {
  let bytes = 0;
  let flips = 0;
  await throughRelay(async (line) => {
    line.spoil = (part) => {
      bytes += part.length;
      if (bytes < 20e6 || flips === 5) return part;
      [bytes, flips] = [0, flips + 1];
      const wrong = Buffer.from(part);
      wrong[wrong.length >> 1] = (wrong[wrong.length >> 1] ?? 0) ^ 4;
      return wrong;
    };
  });
  assert.equal(flips, 5);
}
