import assert from 'node:assert/strict';
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pairSites, TestSite, testFolder, until, untilCatalogsAgree, untilHeldBy } from '../kit/test-site.ts';
import { contentsOf, makeTree, opensKeyring } from './rebuild-kit.ts';

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
