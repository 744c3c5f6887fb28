import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemRandom } from '#runtime';
import { MeteredLine } from '../../apps/sitepair/demo/metered-line.ts';
import { pairSites, pairThroughLine, TestSite, testFolder, until } from '../kit/test-site.ts';

interface PairLine {
  readonly peer: string;
  readonly state: string;
  readonly link: string;
  readonly ended: string;
}

function folderWith(root: string, name: string, bytes: number): string {
  const path = join(root, name);
  mkdirSync(path);
  writeFileSync(join(path, 'file'), systemRandom.bytes(bytes));
  return path;
}

const pairs = (site: TestSite) => site.json<PairLine[]>('pair', 'list');

async function untilToldBy(site: TestSite, sentence: RegExp): Promise<void> {
  await until(async () => (await pairs(site)).some(({ ended }) => sentence.test(ended)), `${site.name} to be told`);
}

async function attentionOf(site: TestSite): Promise<string> {
  const { stdout } = await site.run('status', '--json');
  return (JSON.parse(stdout) as { attention: string[] }).attention.join('\n');
}

test('a removed site is told, goes on alone under its own key, and shows what happened until that is dismissed', async () => {
  using folder = testFolder('removed');
  await using north = await TestSite.init(folder.path, 'north');
  await using south = await TestSite.init(folder.path, 'south');
  const address = await north.serve();
  await south.serveUnreachable();
  await pairSites(north, south, address);
  const data = folderWith(folder.path, 'data', 100_000);
  await south.ok('backup', data, '--dataset', 'papers');

  const removed = await north.run('pair', 'remove', 'south', '--yes');
  assert.equal(removed.code, 3, removed.stderr);
  assert.doesNotMatch(removed.stdout, /could not be told/);
  await untilToldBy(south, /^north has removed this site from the realm \(.* UTC\)/);
  assert.match(await attentionOf(south), /north has removed this site from the realm/);
  assert.doesNotMatch(await attentionOf(south), /newest data key is not in use/);
  assert.deepEqual(
    (await pairs(north)).map(({ peer, state, link }) => ({ peer, state, link })),
    [{ peer: 'south', state: 'removed', link: 'none' }],
  );

  await south.ok('backup', data, '--dataset', 'papers');
  const snapshots = await south.json<{ name: string; copies: string[] }[]>('snapshots');
  assert.equal(snapshots.length, 2);
  await south.ok('restore', 'papers@latest', '--to', join(folder.path, 'restored'));
  const { code } = await north.json<{ code: string }>('pair', 'invite');
  assert.equal(await south.failureCode('pair', 'accept', code), 'site_removed');

  await south.ok('pair', 'remove', 'north', '--yes');
  await north.ok('pair', 'remove', 'south', '--yes');
  assert.deepEqual([await pairs(south), await pairs(north)], [[], []]);
  assert.doesNotMatch(await attentionOf(south), /has removed/);
});

test('a site that was away when it was removed is told when it dials again', async () => {
  using folder = testFolder('removed-away');
  await using north = await TestSite.init(folder.path, 'north');
  await using south = await TestSite.init(folder.path, 'south');
  const address = await north.serve();
  await south.serveUnreachable();
  await pairSites(north, south, address);
  await south.stop();
  await until(async () => (await pairs(north)).every(({ link }) => link !== 'up'), 'the link to be down');
  assert.match((await north.run('pair', 'remove', 'south', '--yes')).stdout, /told when it next dials/);
  await south.serveUnreachable();
  await untilToldBy(south, /^north has removed this site/);
});

test('removing a peer in the middle of what it sends stops that at once, though the line still carries it', async () => {
  using folder = testFolder('removed-midway');
  await using north = await TestSite.init(folder.path, 'north');
  await using south = await TestSite.init(folder.path, 'south');
  const address = await north.serve();
  await using line = await MeteredLine.open(address);
  await south.serveUnreachable();
  await pairThroughLine(north, south, line.address);
  const wholeBytes = 40_000_000;
  line.stopAfter(4_000_000);
  await south.ok('backup', folderWith(folder.path, 'data', wholeBytes), '--dataset', 'disk');
  await until(async () => line.isStopped, 'the line to stand still in the middle');

  await north.run('pair', 'remove', 'south', '--yes');
  const [before] = await pairs(north);
  assert.deepEqual([before?.state, before?.link], ['removed', 'none']);
  line.goOn();
  await untilToldBy(south, /^north has removed this site/);
  const { store } = JSON.parse((await north.run('status', '--json')).stdout) as { store: { bytes: number } };
  assert.ok(store.bytes < wholeBytes / 2, `${store.bytes} bytes came`);
});
