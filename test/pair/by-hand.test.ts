import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chownSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { compareTrees } from '#snapshot';
import { makeCorpus } from '../kit/corpus.ts';
import { pairSites, TestSite, testFolder } from '../kit/test-site.ts';

const isRoot = process.geteuid?.() === 0;
const hasRsync = spawnSync('rsync', ['--version']).status === 0;

async function differences(a: string, b: string): Promise<readonly string[]> {
  return (await compareTrees(Buffer.from(a), Buffer.from(b))).differences;
}

/** What rsync would change to make `copy` like `source`: nothing, when it prints nothing. */
function rsyncSays(source: string, copy: string): string {
  const args = ['-aHAXn', '--modify-window=-1', '--checksum', '--delete', '--itemize-changes', '--exclude=*socket*'];
  return spawnSync('rsync', [...args, `${source}/`, `${copy}/`], { encoding: 'utf8' }).stdout;
}

test('backed up at north, replicated, north burnt: south restores every byte and all metadata', async () => {
  using root = testFolder('by-hand');
  const corpus = join(root.path, 'corpus');
  makeCorpus(corpus, { root: isRoot, longPaths: true });
  await using north = await TestSite.init(root.path, 'north');
  await using south = await TestSite.init(root.path, 'south');
  const address = await north.serve();
  await south.serve();
  const backup = await north.run('backup', corpus, '--dataset', 'corpus');
  assert.ok(backup.code === 0 || (backup.code === 3 && !isRoot), backup.stderr);
  await pairSites(north, south, address);
  await north.ok('replicate', 'corpus');
  await north.kill();
  rmSync(north.state, { recursive: true });
  const restored = join(root.path, 'restored');
  const restore = await south.run('restore', 'north/corpus@latest', '--to', restored);
  assert.ok(restore.code === 0 || restore.code === 3, restore.stderr);
  const found = (await differences(corpus, restored)).filter((line) => isRoot && !/socket/i.test(line));
  assert.deepEqual(found, []);
});

test('rsync as root finds nothing to change between source and restored tree', {
  skip: !isRoot || !hasRsync ? 'needs root and rsync (apt-get install rsync)' : false,
}, async () => {
  using root = testFolder('rsync');
  const corpus = join(root.path, 'corpus');
  makeCorpus(corpus, { root: true, longPaths: false });
  await using north = await TestSite.init(root.path, 'north');
  await north.ok('backup', corpus, '--dataset', 'corpus');
  await north.run('restore', 'corpus@latest', '--to', join(root.path, 'restored'));
  assert.equal(rsyncSays(corpus, join(root.path, 'restored')), '');
});

test('an unprivileged serve stores what a root client reads', { skip: isRoot ? false : 'needs root' }, async () => {
  using root = testFolder('unprivileged');
  chownSync(root.path, 65_534, 65_534);
  const corpus = join(root.path, 'corpus');
  makeCorpus(corpus, { root: true, longPaths: false });
  await using north = await TestSite.init(root.path, 'north');
  spawnSync('chown', ['-R', '65534:65534', north.state]);
  await north.serve();
  const uid = spawnSync('ps', ['-o', 'uid=', '-p', String(north.pid)], { encoding: 'utf8' }).stdout.trim();
  assert.equal(uid, '65534');
  await north.ok('backup', corpus, '--dataset', 'corpus');
  await north.run('restore', 'corpus@latest', '--to', join(root.path, 'restored'));
  assert.deepEqual(
    (await differences(corpus, join(root.path, 'restored'))).filter((line) => !/socket/i.test(line)),
    [],
  );
  assert.ok(existsSync(join(north.state, 'packs', 'store.json')));
});
