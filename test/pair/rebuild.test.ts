import assert from 'node:assert/strict';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pairSites, TestSite, testFolder, untilCatalogsAgree, untilHeldBy } from '../kit/test-site.ts';
import { contentsOf, makeTree } from './rebuild-kit.ts';

test('a site burnt to nothing comes back from its peer: same name, next life, everything restorable at once and refilled', async () => {
  using root = testFolder('rebuild');
  await using north = await TestSite.init(root.path, 'north');
  await using south = await TestSite.init(root.path, 'south');
  const [northAddress, southAddress] = [await north.serve(), await south.serve()];
  const tree = makeTree(root.path, 'tree');
  await north.ok('backup', tree, '--dataset', 'tree');
  await pairSites(north, south, northAddress);
  await north.ok('replicate');
  await south.ok('pair', 'set-address', 'north', northAddress);
  await north.kill();
  rmSync(north.state, { recursive: true });
  const rebuilt = await north.json<{ site: string; incarnation: number; snapshots: number }>(
    'rebuild',
    '--from',
    southAddress,
    '--kit',
    north.kit,
  );
  assert.deepEqual(rebuilt, { site: 'north', incarnation: 2, snapshots: 1 });
  assert.match(
    south.log(),
    /"level":30,[^\n]*north is being rebuilt, from 127\.0\.0\.1 with its recovery kit [0-9a-f]{16}/,
  );
  assert.doesNotMatch(south.log(), /"level":[45]0,[^\n]*rebuil/);
  const [peer] = await south.json<{ addresses: readonly string[] }[]>('pair', 'list');
  assert.deepEqual(peer?.addresses, [northAddress], 'what the admin has set stays');
  await north.serve();
  await north.ok('restore', 'tree@latest', '--to', join(root.path, 'restored'));
  assert.deepEqual(contentsOf(join(root.path, 'restored')), contentsOf(tree));
  await untilCatalogsAgree([north, south]);
  await untilHeldBy(south, 2);
  assert.match((await north.ok('scrub')).stdout, /all of it is good/);
  await north.ok('backup', tree, '--dataset', 'tree');
  await untilCatalogsAgree([north, south]);
});

test('a rebuild with a kit that the peer does not know changes nothing and leaves nothing', async () => {
  using root = testFolder('rebuild-wrong');
  await using south = await TestSite.init(root.path, 'south');
  const stranger = await TestSite.init(root.path, 'stranger');
  const address = await south.serve();
  const lost = TestSite.unmade(root.path, 'lost', stranger.kit);
  const result = await lost.run('rebuild', '--from', address, '--kit', lost.kit, '--json');
  assert.equal(result.code, 1);
  assert.deepEqual(readdirSync(lost.state), []);
});
