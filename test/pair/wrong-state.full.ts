import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { TestSite, testFolder } from '../kit/test-site.ts';

const root = testFolder('wrong-state');
const tree = join(root.path, 'tree');
let north: TestSite;

before(async () => {
  mkdirSync(tree);
  writeFileSync(join(tree, 'file'), 'content '.repeat(10_000));
  north = await TestSite.init(root.path, 'north');
  await north.serve();
  await north.ok('backup', tree, '--dataset', 'docs');
});

after(async () => {
  await north.kill();
  root[Symbol.dispose]();
});

async function assertRestores(name: string): Promise<void> {
  const target = join(root.path, name);
  await north.ok('restore', 'docs@latest', '--to', target);
  assert.deepEqual(readFileSync(join(target, 'file')), readFileSync(join(tree, 'file')));
}

test('what names no snapshot, dataset or peer is told as that', async () => {
  const restore = ['restore', 'docs@latest', '--to'];
  const target = join(root.path, 'out');
  const failures: readonly (readonly [command: readonly string[], code: string])[] = [
    [['ls', 'dox@latest'], 'dataset_unknown'],
    [['ls', 'mars/docs@latest'], 'site_unknown'],
    [['ls', 'docs@2001-01-01'], 'snapshot_unknown'],
    [['ls', 'abcdef0123'], 'snapshot_unknown'],
    [['ls', 'abc'], 'bad_snapshot_reference'],
    [[...restore, target, '--from', 'mars'], 'peer_unknown'],
    [[...restore, tree], 'target_not_empty'],
  ];
  for (const [command, code] of failures) assert.equal(await north.failureCode(...command), code, command.join(' '));
});

test('a state folder that is in use, half-made, of a newer version, or none is refused and left as it is', async () => {
  assert.equal(await north.failureCode('serve', '--listen', '127.0.0.1:0'), 'state_in_use');
  assert.equal(await north.failureCode('init', '--site', 'other'), 'state_exists');
  await north.stop();

  const siteFile = join(north.state, 'site.json');
  const whole = readFileSync(siteFile, 'utf8');
  writeFileSync(siteFile, whole.replace('"format": 1', '"format": 99'));
  assert.equal(await north.failureCode('serve'), 'state_too_new');
  assert.equal(await north.failureCode('backup', tree, '--dataset', 'docs'), 'state_too_new');
  writeFileSync(siteFile, whole.slice(0, 20));
  assert.equal(await north.failureCode('status'), 'state_damaged');
  rmSync(siteFile);
  assert.equal(await north.failureCode('status'), 'state_half_initialised');
  assert.equal(await north.failureCode('init', '--site', 'north'), 'state_half_initialised');
  writeFileSync(siteFile, whole);

  const nowhere = TestSite.unmade(root.path, 'nowhere', '');
  assert.equal(await nowhere.failureCode('status'), 'state_missing');
});

test('a pack of another realm is refused by name, and everything works again without it', async () => {
  await using stranger = await TestSite.init(root.path, 'stranger');
  await stranger.ok('backup', tree, '--dataset', 'docs');
  await north.stop();
  const [from, to] = [stranger, north].map((site) => join(site.state, 'packs', '000000'));
  const [name] = readdirSync(from ?? '').filter((file) => file.endsWith('.pack'));
  const foreign = join(to ?? '', '0000000077.pack');
  cpSync(join(from ?? '', name ?? ''), foreign);
  const error = await north.failure('serve');
  assert.equal(error.code, 'foreign_pack');
  assert.match(`${error.detail} ${error.advice}`, /0000000077/);
  renameSync(foreign, join(root.path, 'set aside'));
  await north.serve();
  assert.match((await north.ok('scrub')).stdout, /all of it is good/);
  await assertRestores('without the foreign pack');
});

test('caches that are lost or garbage cost nothing: index and catalog views are made anew', async () => {
  const caches = ['index', 'catalog/views'].map((name) => join(north.state, name));
  for (const garbage of [false, true]) {
    await north.stop();
    for (const cache of caches) {
      for (const entry of readdirSync(cache, { recursive: true, withFileTypes: true })) {
        const path = join(entry.parentPath, entry.name);
        if (garbage && entry.isFile()) writeFileSync(path, Buffer.alloc(20_000, 'garbage'));
        else if (!garbage) rmSync(path, { recursive: true, force: true });
      }
    }
    await north.serve();
    assert.match((await north.ok('store', 'check')).stdout, /everything fits/);
    await assertRestores(`garbage ${garbage}`);
  }
});
