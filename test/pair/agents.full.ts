import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { UploadSink } from '#replication';
import { isAppError } from '#runtime';
import { connectAgent } from '../../apps/sitepair/client/connect-agent.ts';
import { codeFor, contentsOf, Machine, makeTree } from '../kit/agent-machine.ts';
import { TestSite, testFolder } from '../kit/test-site.ts';

interface SnapshotLine {
  readonly id: string;
  readonly name: string;
  readonly copies: readonly string[];
}

test('an agent backs up and restores over the network, sees only what is its own, and is let in no more once revoked', async () => {
  using root = testFolder('agents');
  await using north = await TestSite.init(root.path, 'north');
  await north.serve();
  const [laptopTree, webTree] = [makeTree(root.path, 'papers'), makeTree(root.path, 'pages')];
  const laptop = await Machine.enrolled(root.path, north, 'laptop');
  const web = await Machine.enrolled(root.path, north, 'web');

  await laptop.ok('backup', laptopTree, '--dataset', 'papers');
  writeFileSync(join(laptopTree, 'new'), 'one more');
  const second = await laptop.json<{ snapshot: SnapshotLine; statistics: { filesReused: number }; sentBytes: number }>(
    'backup',
    laptopTree,
    '--dataset',
    'papers',
  );
  assert.equal(second.statistics.filesReused, 20);
  await web.ok('backup', webTree, '--dataset', 'pages');
  await laptop.ok('restore', 'papers@latest', '--to', join(root.path, 'back'));
  assert.deepEqual(contentsOf(join(root.path, 'back')), contentsOf(laptopTree));
  assert.match((await laptop.ok('ls', 'north/papers@latest', laptopTree)).stdout, / new\n/);

  assert.deepEqual(
    (await laptop.json<{ name: string }[]>('datasets')).map(({ name }) => name),
    ['papers'],
  );
  assert.equal((await laptop.json<SnapshotLine[]>('snapshots')).length, 2);
  const [foreign] = await web.json<SnapshotLine[]>('snapshots');
  for (const reference of ['north/pages@latest', foreign?.id ?? ''])
    assert.match(await laptop.failsWith('ls', reference), /^(dataset|snapshot)_unknown$/);
  assert.equal(await laptop.failsWith('snapshots', 'pages'), 'dataset_unknown');
  assert.equal(await laptop.failsWith('backup', laptopTree, '--dataset', 'pages'), 'dataset_taken');

  assert.equal((await north.json<SnapshotLine[]>('snapshots')).length, 3);
  for (const [dataset, tree] of [
    ['papers', laptopTree],
    ['pages', webTree],
  ] as const) {
    await north.ok('restore', `${dataset}@latest`, '--to', join(root.path, `north-${dataset}`));
    assert.deepEqual(contentsOf(join(root.path, `north-${dataset}`)), contentsOf(tree));
  }
  const byAdmin = await north.run('backup', webTree, '--dataset', 'papers', '--json');
  assert.match(byAdmin.stdout, /dataset_taken/);

  for (const command of [['scrub'], ['init', '--site', 'x']])
    assert.equal(await laptop.failsWith(...command), 'not_an_appliance', command.join(' '));

  await north.ok('agent', 'revoke', 'laptop', '--yes');
  assert.equal(await laptop.failsWith('backup', laptopTree, '--dataset', 'papers'), 'agent_refused');
  const listed = await north.json<{ name: string; state: string; datasets: string[] }[]>('agent', 'list');
  assert.deepEqual(
    listed.map(({ name, state, datasets }) => [name, state, datasets]),
    [
      ['laptop', 'revoked', ['papers']],
      ['web', 'enrolled', ['pages']],
    ],
  );
  await web.ok('backup', webTree, '--dataset', 'pages');

  const successor = new Machine(root.path, 'laptop2');
  await successor.ok('agent', 'enroll', await codeFor(north, 'laptop'));
  await successor.ok('restore', 'papers@latest', '--to', join(root.path, 'replaced'));
  assert.deepEqual(contentsOf(join(root.path, 'replaced')), contentsOf(laptopTree));
});

test('an invitation lets in one machine, under the name it was made for, and no site', async () => {
  using root = testFolder('agent-codes');
  await using north = await TestSite.init(root.path, 'north');
  await north.serve();
  const code = await codeFor(north, 'laptop');
  const pairing = await north.run('pair', 'accept', code, '--json');
  assert.match(pairing.stdout, /invitation_for_agent/);
  const laptop = new Machine(root.path, 'laptop');
  await laptop.ok('agent', 'enroll', code);
  assert.equal(await laptop.failsWith('agent', 'enroll', code), 'state_exists');
  const thief = new Machine(root.path, 'thief');
  assert.match(await thief.failsWith('agent', 'enroll', code), /^(agent_exists|invitation_used)$/);
  const taken = await north.run('agent', 'invite', 'laptop', '--json');
  assert.match(taken.stdout, /agent_exists/);
  const { code: forSite } = await north.json<{ code: string }>('pair', 'invite');
  assert.equal(await thief.failsWith('agent', 'enroll', forSite), 'invitation_for_site');
  await north.ok('agent', 'revoke', 'laptop', '--yes');
  assert.equal(await thief.failsWith('agent', 'enroll', code), 'invitation_refused');
});

test('an agent opens nothing but its services, and is cut off in the middle of what it does when it is revoked', async () => {
  using root = testFolder('agent-link');
  await using north = await TestSite.init(root.path, 'north');
  await north.serve();
  const laptop = await Machine.enrolled(root.path, north, 'laptop');
  await using appliance = await connectAgent(laptop.state);
  for (const service of ['pair', 'catalog', 'replicate', 'records', 'fetch']) {
    const channel = await appliance.open(service);
    await assert.rejects(channel.receive(), { code: 'agent_not_allowed' }, service);
  }
  const begin = { datasetName: 'papers', host: 'laptop', paths: [] };
  const upload = await UploadSink.begin(await appliance.open('upload'), begin);
  await north.ok('agent', 'revoke', 'laptop', '--yes');
  await assert.rejects(upload.commit(new Uint8Array(32)), (error: Error) => isAppError(error.cause, 'agent_revoked'));
});
