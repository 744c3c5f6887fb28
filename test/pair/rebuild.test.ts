import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { kitIdsOfSealedKeyring, openKit, parseKit } from '#keys';
import { toHex } from '#runtime';
import { pairSites, TestSite, testFolder, until, untilCatalogsAgree, untilHeldBy } from '../kit/test-site.ts';

function makeTree(folder: string, name: string): string {
  const path = join(folder, name);
  mkdirSync(join(path, 'deep', 'er'), { recursive: true });
  for (let i = 0; i < 30; i++)
    writeFileSync(join(path, i % 2 ? 'deep' : '', `file-${i}`), `${name} ${i}`.repeat(i * 50));
  return path;
}

function contentsOf(folder: string): Map<string, string> {
  const names = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(
    names.map((entry) => [
      join(entry.parentPath, entry.name).slice(folder.length),
      readFileSync(join(entry.parentPath, entry.name), 'utf8'),
    ]),
  );
}

/** True when this kit opens the keyring that lies beside the site's packs. */
async function opensKeyring(site: TestSite, kitFile: string): Promise<boolean> {
  const kit = await openKit(parseKit(readFileSync(kitFile, 'utf8')));
  const ids = kitIdsOfSealedKeyring(readFileSync(join(site.state, 'packs', 'keyring.sealed')));
  return ids.some((id) => toHex(id) === toHex(kit.kitId));
}

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

test('three sites in a chain agree, relay snapshots, and the burnt middle one comes back to both', async () => {
  using root = testFolder('chain');
  await using a = await TestSite.init(root.path, 'a');
  await using b = await TestSite.init(root.path, 'b');
  await using c = await TestSite.init(root.path, 'c');
  const [addressA, addressB] = [await a.serve(), await b.serve()];
  await c.serve();
  const tree = makeTree(root.path, 'tree');
  await a.ok('backup', tree, '--dataset', 'mail');
  await c.ok('backup', tree, '--dataset', 'docs');
  await pairSites(a, b, addressA);
  await pairSites(b, c, addressB);
  await untilCatalogsAgree([a, b, c]);
  await untilHeldBy(a, 3);
  const rotated = await a.run('key', 'rotate');
  assert.ok(rotated.code === 0 || rotated.code === 3, rotated.stderr);
  await untilCatalogsAgree([a, b, c]);
  await b.kill();
  rmSync(b.state, { recursive: true });
  cpSync(join(tree, 'file-28'), join(tree, 'another'));
  await a.ok('backup', tree, '--dataset', 'mail');
  await b.ok('rebuild', '--from', addressA, '--kit', b.kit);
  await b.serve(Number(addressB.split(':').at(-1)));
  await untilCatalogsAgree([a, b, c]);
  for (const site of [a, b, c]) {
    for (const { kit } of [a, b, c]) await until(() => opensKeyring(site, kit), `${site.name} to be sealed to ${kit}`);
  }
  await untilHeldBy(c, 3);
  await c.ok('restore', 'a/mail@latest', '--to', join(root.path, 'restored'));
  assert.deepEqual(contentsOf(join(root.path, 'restored')), contentsOf(tree));
});
