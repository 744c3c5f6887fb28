import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { codeFor, contentsOf, Machine, makeTree } from '../kit/agent-machine.ts';
import { pairSites, TestSite, testFolder, until } from '../kit/test-site.ts';

interface SnapshotLine {
  readonly copies: readonly string[];
}

test("an agent's snapshots go to the peer, are restored there, and are the agent's again after the site has burnt", async () => {
  using root = testFolder('agent-replication');
  await using north = await TestSite.init(root.path, 'north');
  await using south = await TestSite.init(root.path, 'south');
  const [address, southAddress] = [await north.serve(), await south.serve()];
  await pairSites(north, south, address);
  const tree = makeTree(root.path, 'papers');
  const laptop = await Machine.enrolled(root.path, north, 'laptop');
  await laptop.ok('backup', tree, '--dataset', 'papers');
  await north.ok('replicate', 'papers');
  await until(
    async () => (await south.json<SnapshotLine[]>('snapshots'))[0]?.copies.length === 2,
    'both sites to hold the snapshot',
  );
  await north.kill();
  await south.ok('restore', 'north/papers@latest', '--to', join(root.path, 'at-south'));
  assert.deepEqual(contentsOf(join(root.path, 'at-south')), contentsOf(tree));

  rmSync(north.state, { recursive: true });
  await north.ok('rebuild', '--from', southAddress, '--kit', north.kit);
  await north.serve(Number(address.split(':').at(-1)));
  assert.equal(await laptop.failsWith('snapshots'), 'agent_refused');
  const [listed] = await north.json<{ name: string; state: string }[]>('agent', 'list');
  assert.equal(listed?.state, 'must_enroll_again');
  const again = new Machine(root.path, 'laptop2');
  await again.ok('agent', 'enroll', await codeFor(north, 'laptop'));
  await again.ok('restore', 'papers@latest', '--to', join(root.path, 'at-laptop'));
  assert.deepEqual(contentsOf(join(root.path, 'at-laptop')), contentsOf(tree));
  await again.ok('backup', tree, '--dataset', 'papers');
});
