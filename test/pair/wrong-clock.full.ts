import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  type Environment,
  pairSites,
  TestSite,
  testFolder,
  untilCatalogsAgree,
  untilHeldBy,
  untilLinked,
} from '../kit/test-site.ts';

interface SnapshotLine {
  readonly id: string;
  readonly name: string;
}

const tenYearsAhead: Environment = {
  NODE_OPTIONS: `--import=${join(import.meta.dirname, '..', 'kit', 'years-ahead.ts')}`,
  SITEPAIR_TEST_CLOCK_DAYS: '3653',
};

test('a clock ten years ahead: pairing, backup, replication and restore work, and nothing is poisoned once it is right', async () => {
  using root = testFolder('clock');
  const tree = join(root.path, 'tree');
  mkdirSync(tree);
  const backup = async (site: TestSite, content: string) => {
    writeFileSync(join(tree, 'file'), content);
    await site.ok('backup', tree, '--dataset', 'docs');
  };
  let restores = 0;
  const latestAt = async (site: TestSite, dataset: string) => {
    const target = join(root.path, `restored-${restores++}`);
    await site.ok('restore', `${dataset}@latest`, '--to', target);
    return readFileSync(join(target, 'file'), 'utf8');
  };
  await using north = await TestSite.init(root.path, 'north', tenYearsAhead);
  await using south = await TestSite.init(root.path, 'south');
  const address = await north.serve();
  const southAddress = await south.serve();
  await pairSites(north, south, address);
  await backup(north, 'from the future');
  await backup(south, 'from the present');
  for (const site of [north, south]) await site.ok('replicate');
  assert.equal(await latestAt(south, 'north/docs'), 'from the future');
  assert.equal(await latestAt(north, 'south/docs'), 'from the present');
  const [ahead] = (await south.json<SnapshotLine[]>('snapshots')).filter(({ name }) => name.startsWith('north/'));
  const yearsAhead = Number(/@(\d{4})/.exec(ahead?.name ?? '')?.[1]) - new Date().getFullYear();
  assert.ok(yearsAhead === 9 || yearsAhead === 10, ahead?.name ?? 'no snapshot of north');

  // The clock is set right: what is made from then on is the latest, though its time is the earlier one.
  await north.stop();
  north.environment = {};
  await north.serve(Number(address.split(':').at(-1)));
  await Promise.all([north, south].map(untilLinked));
  await backup(north, 'after the clock was set');
  await north.ok('replicate');
  for (const site of [north, south]) {
    await untilHeldBy(site, 2);
    assert.equal(await latestAt(site, 'north/docs'), 'after the clock was set');
    assert.match((await site.ok('store', 'check')).stdout, /everything fits/);
  }
  await untilCatalogsAgree([north, south]);
  // A wrong clock in the middle of a pair's life costs no link, no invitation and no snapshot either.
  await south.stop();
  south.environment = tenYearsAhead;
  await south.serve(Number(southAddress.split(':').at(-1)));
  await untilLinked(north);
  await backup(south, 'south from the future');
  await south.ok('replicate');
  assert.equal(await latestAt(north, 'south/docs'), 'south from the future');
  await untilCatalogsAgree([north, south]);
});
