import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { TestSite, testFolder, until } from '../kit/test-site.ts';

interface SnapshotLine {
  readonly copies: readonly string[];
}

test('a site whose only peer is blind comes back from it by its kit: keys, catalog, datasets, and every byte', async () => {
  using root = testFolder('rebuild-blind');
  await using north = await TestSite.init(root.path, 'north');
  await using cellar = await TestSite.init(root.path, 'cellar');
  const address = await north.serve();
  const cellarAddress = await cellar.serve();
  const tree = join(root.path, 'tree');
  mkdirSync(tree);
  for (let i = 0; i < 20; i++) writeFileSync(join(tree, `file-${i}`), `confidential ${i} `.repeat(300 + i));
  const { code } = await north.json<{ code: string }>('pair', 'invite', '--blind', '--address', address);
  await cellar.ok('pair', 'accept', code, '--yes');
  await north.ok('pair', 'confirm', 'cellar', '--yes');
  await north.ok('backup', tree, '--dataset', 'tree');
  const lost = join(root.path, 'first.kit');
  // A newer kit: the blind peer has to hear of it, although it reads no keyring.
  const newer = await north.json<{ pendingOn: string[] }>('key', 'kit', '--yes', '--kit', lost);
  assert.deepEqual(newer.pendingOn, []);
  await until(
    async () => (await north.json<SnapshotLine[]>('snapshots')).every(({ copies }) => copies.includes('cellar')),
    'the blind peer to prove the snapshot',
  );
  await north.kill();
  rmSync(north.state, { recursive: true });

  const void_ = await north.run('rebuild', '--from', cellarAddress, '--kit', north.kit, '--json');
  assert.equal(void_.code, 1, 'the first kit is void, also for who cannot read the keyring');
  assert.deepEqual(readdirSync(north.state), []);
  const rebuilt = await north.json<{ site: string; incarnation: number; snapshots: number }>(
    'rebuild',
    '--from',
    cellarAddress,
    '--kit',
    lost,
  );
  assert.deepEqual(rebuilt, { site: 'north', incarnation: 3, snapshots: 1 });
  await north.serve();
  await until(
    async () => (await north.json<{ link: string }[]>('pair', 'list')).every(({ link }) => link === 'up'),
    'the link',
  );
  const peers = await north.json<{ peer: string; role: string }[]>('pair', 'list');
  assert.deepEqual(
    peers.map(({ peer, role }) => [peer, role]),
    [['cellar', 'blind']],
  );
  await north.ok('restore', 'tree@latest', '--to', join(root.path, 'restored'));
  for (let i = 0; i < 20; i++) {
    assert.equal(readFileSync(join(root.path, 'restored', `file-${i}`), 'utf8'), `confidential ${i} `.repeat(300 + i));
  }
  // Life goes on: what is new reaches the blind peer, which believes the next life by the kit alone.
  await north.ok('backup', tree, '--dataset', 'again');
  await until(
    async () => (await north.json<SnapshotLine[]>('snapshots', 'again')).every(({ copies }) => copies.length === 2),
    'a new snapshot at the blind peer',
  );
});
