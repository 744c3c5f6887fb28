import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pairSites, TestSite, testFolder, untilLinked } from '../kit/test-site.ts';

interface Attention {
  readonly attention: readonly string[];
}

test('a site that has lost a pack says so, takes nothing it has for a base, and gets it back from its peer', async () => {
  using root = testFolder('losses');
  await using north = await TestSite.init(root.path, 'north');
  await using south = await TestSite.init(root.path, 'south');
  const address = await north.serve();
  await south.serve();
  const tree = join(root.path, 'tree');
  mkdirSync(tree);
  for (let i = 0; i < 20; i++) writeFileSync(join(tree, `file-${i}`), `content ${i} `.repeat(3000));
  await north.ok('backup', tree, '--dataset', 'tree');
  await pairSites(north, south, address);
  await north.ok('replicate');

  await south.stop();
  const packs = join(south.state, 'packs', '000000');
  for (const name of readdirSync(packs)) rmSync(join(packs, name));
  await south.serve();
  const status = () => south.run('status', '--json').then(({ stdout }) => JSON.parse(stdout) as Attention);
  assert.ok((await status()).attention.some((sentence) => /lost or damaged/.test(sentence)));
  await untilLinked(south);

  writeFileSync(join(tree, 'new'), 'new');
  await north.ok('backup', tree, '--dataset', 'tree');
  await north.ok('replicate');
  await south.ok('restore', 'north/tree@latest', '--to', join(root.path, 'restored'));
  assert.equal(readFileSync(join(root.path, 'restored', 'file-7'), 'utf8'), 'content 7 '.repeat(3000));

  await south.run('scrub', '--heal');
  assert.match((await south.ok('store', 'check')).stdout, /everything fits/);
  assert.ok(!(await status()).attention.some((sentence) => /lost or damaged/.test(sentence)));
});
