import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createKeyring, type Keyring, withNewDataKey } from '#keys';
import type { SiteId } from '#model';
import { systemClock, systemRandom } from '#runtime';
import type { Appliance } from './appliance.ts';
import { operationsOf } from './operations-of.ts';
import type { Peer } from './peers.ts';

const siteId = new Uint8Array(16) as SiteId;
const by = { random: systemRandom, siteId, createdSeconds: 1 };

/** An appliance of which only what the removal of a peer touches is there; tells what was done, in order. */
function applianceWith(peer: Partial<Peer>) {
  const done: string[] = [];
  let keyring: Keyring = withNewDataKey(createKeyring(systemRandom), by).keyring;
  const appliance = {
    volumes: { freeBytes: async () => 1 },
    identity: { siteId },
    environment: { random: systemRandom, clock: systemClock },
    peers: { named: () => peer },
    unpairing: {
      remove: async () => {
        done.push('removed');
        return { warnings: [] };
      },
    },
    pairing: {
      announceToAll: async () => void done.push('announced'),
    },
    keys: {
      get keyring() {
        return keyring;
      },
      change(next: Keyring) {
        done.push(`keys: ${next.dataKeys.length}`);
        keyring = next;
      },
      refresh: () => undefined,
    },
    realm: { logKeyring: async () => undefined, lackingKey: () => [] },
    catalog: { append: async () => undefined },
  };
  return { operations: operationsOf(appliance as unknown as Appliance), done };
}

test('a full member that leaves takes no key along that seals what comes later', async () => {
  const { operations, done } = applianceWith({ joined: true, role: 'full', ownRole: 'full' });
  await operations.pairRemove({ peer: 'south' });
  assert.deepEqual(done, ['removed', 'keys: 2', 'announced']);
});

test('a blind peer that leaves had no key: nothing is rotated', async () => {
  const { operations, done } = applianceWith({ joined: true, role: 'blind', ownRole: 'full' });
  await operations.pairRemove({ peer: 'cellar' });
  assert.deepEqual(done, ['removed']);
});
