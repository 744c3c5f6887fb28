import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { TestSite, testFolder } from '../kit/test-site.ts';

function makeFile(root: string): string {
  const tree = join(root, 'tree');
  mkdirSync(tree);
  writeFileSync(join(tree, 'file'), 'content '.repeat(10_000));
  return tree;
}

test('what names no snapshot, dataset or peer is told as that', async () => {
  using root = testFolder('references');
  await using north = await TestSite.init(root.path, 'north');
  await north.serve();
  const tree = makeFile(root.path);
  await north.ok('backup', tree, '--dataset', 'docs');
  const failures: readonly (readonly [reference: string, code: string])[] = [
    ['dox@latest', 'dataset_unknown'],
    ['mars/docs@latest', 'site_unknown'],
    ['docs@2001-01-01', 'snapshot_unknown'],
    ['docs@yesterday', 'bad_snapshot_reference'],
    ['abcdef0123', 'snapshot_unknown'],
    ['abc', 'bad_snapshot_reference'],
    ['docs@latest:/no/such/path', 'not_in_snapshot'],
  ];
  const target = join(root.path, 'out');
  const commands = [
    ...failures.map(([reference, code]) => [['restore', reference, '--to', target], code] as const),
    [['restore', 'docs@latest', '--to', target, '--from', 'mars'], 'peer_unknown'],
    [['restore', 'docs@latest', '--to', tree], 'target_not_empty'],
    [['backup', join(root.path, 'nowhere'), '--dataset', 'docs'], 'path_unreadable'],
    [['backup', tree, '--dataset', 'a/b'], 'bad_name'],
  ] as const;
  const codes = await Promise.all(commands.map(([command]) => north.failureCode(...command)));
  assert.deepEqual(
    commands.map(([command], i) => [command.join(' '), codes[i]]),
    commands.map(([command, code]) => [command.join(' '), code]),
  );
});

test('a state folder that is in use, half-made, of a newer version, or none is refused and left as it is', async () => {
  using root = testFolder('states');
  await using north = await TestSite.init(root.path, 'north');
  await north.serve();
  assert.equal(await north.failureCode('serve', '--listen', '127.0.0.1:0'), 'state_in_use');
  assert.equal(await north.failureCode('init', '--site', 'other'), 'state_exists');
  await north.stop();

  const siteFile = join(north.state, 'site.json');
  const whole = readFileSync(siteFile, 'utf8');
  const commands = [
    ['status'],
    ['serve', '--listen', '127.0.0.1:0'],
    ['backup', north.kit, '--dataset', 'kits'],
  ] as const;
  const states: readonly (readonly [content: string | undefined, code: string])[] = [
    [whole.replace('"format": 1', '"format": 99'), 'state_too_new'],
    [whole.slice(0, 20), 'state_damaged'],
    [undefined, 'state_half_initialised'],
  ];
  for (const [content, code] of states) {
    if (content === undefined) rmSync(siteFile);
    else writeFileSync(siteFile, content);
    assert.deepEqual(await Promise.all(commands.map((command) => north.failureCode(...command))), [code, code, code]);
  }
  assert.equal(await north.failureCode('init', '--site', 'north'), 'state_half_initialised');
  writeFileSync(siteFile, whole);
  await north.serve();

  const nowhere = TestSite.unmade(root.path, 'nowhere', '');
  assert.equal(await nowhere.failureCode('backup', north.kit, '--dataset', 'kits'), 'state_missing');
});

test('a pack of another realm is refused by name, and everything works again without it', async () => {
  using root = testFolder('foreign');
  await using north = await TestSite.init(root.path, 'north');
  await using stranger = await TestSite.init(root.path, 'stranger');
  const tree = makeFile(root.path);
  await north.ok('backup', tree, '--dataset', 'docs');
  await stranger.ok('backup', tree, '--dataset', 'docs');
  const [from, to] = [stranger, north].map((site) => join(site.state, 'packs', '000000'));
  const [name] = readdirSync(from ?? '').filter((file) => file.endsWith('.pack'));
  const foreign = join(to ?? '', '0000000077.pack');
  cpSync(join(from ?? '', name ?? ''), foreign);
  for (const command of [['status'], ['serve', '--listen', '127.0.0.1:0']] as const) {
    const error = await north.failure(...command);
    assert.equal(error.code, 'foreign_pack');
    assert.match(`${error.detail} ${error.advice}`, /0000000077/);
  }
  renameSync(foreign, join(root.path, 'set aside'));
  await north.serve();
  assert.match((await north.ok('scrub')).stdout, /all of it is good/);
  await north.ok('restore', 'docs@latest', '--to', join(root.path, 'out'));
  assert.deepEqual(readFileSync(join(root.path, 'out', 'file')), readFileSync(join(tree, 'file')));
});

test('caches that are lost or garbage cost nothing: index and catalog views are made anew', async () => {
  using root = testFolder('caches');
  await using north = await TestSite.init(root.path, 'north');
  const tree = makeFile(root.path);
  await north.ok('backup', tree, '--dataset', 'docs');
  const caches = ['index', 'catalog/views'].map((name) => join(north.state, name));
  for (const garbage of [false, true]) {
    for (const cache of caches) {
      for (const entry of readdirSync(cache, { recursive: true, withFileTypes: true })) {
        const path = join(entry.parentPath, entry.name);
        if (garbage && entry.isFile()) writeFileSync(path, Buffer.alloc(20_000, 'garbage'));
        else if (!garbage) rmSync(path, { recursive: true, force: true });
      }
    }
    await north.serve();
    assert.match((await north.ok('store', 'check')).stdout, /everything fits/);
    const target = join(root.path, `out-${garbage}`);
    await north.ok('restore', 'docs@latest', '--to', target);
    assert.deepEqual(readFileSync(join(target, 'file')), readFileSync(join(tree, 'file')));
    await north.stop();
  }
});
