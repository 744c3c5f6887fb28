import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Link } from '#link';
import { isAppError, systemClock, systemTimers } from '#runtime';
import { backUp } from '../../apps/sitepair/client/backup.ts';
import { connectAppliance } from '../../apps/sitepair/client/connect-appliance.ts';
import { agentAttacks, type Booty } from './agent-attacks.ts';
import { HostileWorld } from './cast.ts';
import { writeTree } from './hostile-world.ts';

let world: HostileWorld;
let link: Link;
let booty: Booty;

before(async () => {
  world = await HostileWorld.make();
  const { agents, root } = world.cast;
  await using alice = await connectAppliance(agents.alice.state);
  const { snapshot } = await backUp(alice, {
    dataset: 'secrets',
    content: {
      paths: [writeTree(join(root, 'alice'), 'secret')],
      excludes: [],
      excludeCaches: false,
      oneFileSystem: false,
    },
    clock: systemClock,
    signal: new AbortController().signal,
    onProgress: () => undefined,
  });
  booty = { snapshotId: snapshot.id, dataset: 'secrets', chunk: Buffer.from('secret 0\n'.repeat(500)) };
  link = await agents.eve.link();
});

after(async () => {
  await link?.close();
  await world?.[Symbol.asyncDispose]();
});

for (const { name, attack } of agentAttacks)
  test(`an agent gains nothing by ${name}`, { timeout: 20_000 }, async () => {
    const { north } = world.cast;
    north.letMinutePass();
    const snapshots = north.appliance.operations.snapshots({}).length;
    await attack(link, booty, world.cast);
    assert.equal(north.appliance.operations.snapshots({}).length, snapshots);
    north.assertNoBugs();
  });

test('an agent that is revoked in the middle of an upload is cut off at once and commits nothing', async () => {
  const { north } = world.cast;
  const channel = await link.open('upload', 'bulk');
  await north.appliance.operations.agentRevoke({ name: 'eve' });
  const reason = await link.closed;
  assert.equal(reason.code, 'agent_revoked');
  await assert.rejects(channel.receive());
  await assert.rejects(world.cast.agents.eve.link(), (error) => isAppError(error, 'handshake_failed'));
  await systemTimers.sleep(1);
  await using alice = await connectAppliance(world.cast.agents.alice.state);
  const rows = await alice.api.call('snapshots', {});
  assert.equal(rows.length, 1);
});
