import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openKit, openSealedKeyring, parseKit } from '#keys';
import { isAppError } from '#runtime';
import { pairSites, TestSite, testFolder, until, untilLinked } from '../kit/test-site.ts';

interface SnapshotLine {
  readonly copies: readonly string[];
}

const kitIn = async (file: string) => openKit(parseKit(readFileSync(file, 'utf8')));
const sealedAt = (site: TestSite) => readFileSync(join(site.state, 'packs', 'keyring.sealed'));

async function opens(site: TestSite, kitFile: string): Promise<boolean> {
  try {
    openSealedKeyring(sealedAt(site), await kitIn(kitFile));
    return true;
  } catch (error) {
    if (isAppError(error, 'kit_wrong')) return false;
    throw error;
  }
}

test('a new kit opens everything everywhere and brings its site back; the old one opens nothing from then on', async () => {
  using root = testFolder('new-kit');
  await using north = await TestSite.init(root.path, 'north');
  await using south = await TestSite.init(root.path, 'south');
  const [northAddress, southAddress] = [await north.serve(), await south.serve()];
  const tree = join(root.path, 'tree');
  mkdirSync(tree);
  writeFileSync(join(tree, 'file'), 'content '.repeat(1000));
  await north.ok('backup', tree, '--dataset', 'tree');
  await pairSites(north, south, northAddress);
  await north.ok('replicate');
  const copies = async () => (await north.json<SnapshotLine[]>('snapshots'))[0]?.copies.length;
  assert.equal(await copies(), 2);
  const newKit = join(root.path, 'new.kit');
  const { pendingOn } = await north.json<{ pendingOn: string[] }>('key', 'kit', '--yes', '--kit', newKit);
  assert.deepEqual(pendingOn, []);
  assert.equal(await copies(), 2, 'what the site holds it still holds');
  for (const site of [north, south]) {
    assert.ok(await opens(site, newKit), `${site.name} is sealed to the new kit`);
    assert.ok(await opens(site, south.kit), `${site.name} is sealed to south's kit`);
    assert.ok(!(await opens(site, north.kit)), `${site.name} is sealed to the old kit no more`);
  }
  await north.kill();
  rmSync(north.state, { recursive: true });
  assert.equal((await north.run('rebuild', '--from', southAddress, '--kit', north.kit, '--json')).code, 1);
  const rebuilt = await north.json<{ incarnation: number }>('rebuild', '--from', southAddress, '--kit', newKit);
  assert.equal(rebuilt.incarnation, 3);
  await north.serve();
  await untilLinked(north);
  await north.ok('restore', 'tree@latest', '--to', join(root.path, 'restored'));
  // Signed again by the key that the site has now: whoever joins later believes it, too.
  await until(async () => (await opens(south, newKit)) && (await opens(north, south.kit)), 'kits in both keyrings');
});

test('a rotation without a running appliance waits for the peer, or names the one that it waits for', async () => {
  using root = testFolder('rotate');
  await using north = await TestSite.init(root.path, 'north');
  await using south = await TestSite.init(root.path, 'south');
  const [northAddress, southAddress] = [await north.serve(), await south.serve()];
  await pairSites(north, south, northAddress);
  await north.ok('pair', 'set-address', 'south', southAddress);
  await north.stop();
  const rotated = await north.run('key', 'rotate', '--json');
  assert.deepEqual([rotated.code, JSON.parse(rotated.stdout).pendingOn], [0, []], rotated.stderr);
  await south.stop();
  const alone = await north.run('key', 'rotate', '--json');
  assert.deepEqual([alone.code, JSON.parse(alone.stdout).pendingOn], [3, ['south']], alone.stderr);
});
