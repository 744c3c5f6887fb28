import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createKeyring, withNewDataKey, withNewDomain } from '#keys';
import { KeyBook } from '#records';
import { systemRandom } from '#runtime';
import { recordDamaged } from '#wire';
import { ClientServices, type ClientServicesOptions } from './client-services.ts';

test('a backup goes on when the manifest of the snapshot before is damaged: everything is read anew', async () => {
  const siteId = new Uint8Array(16).fill(1);
  const by = { random: systemRandom, siteId: siteId as never, createdSeconds: 1 };
  const { keyring, domain } = withNewDomain(createKeyring(systemRandom), by);
  const whole = withNewDataKey(keyring, by).keyring;
  const dataset = { siteId, datasetId: new Uint8Array(16), domainId: domain.domainId, superseded: false };
  const snapshot = { snapshotId: new Uint8Array(20), domainId: domain.domainId };
  const clients = new ClientServices({
    siteId,
    catalog: {
      views: {
        datasetsNamed: () => [dataset],
        snapshots: () => ({ snapshots: [snapshot] }),
        copiesOf: () => [{ siteId }],
      },
    },
    store: { read: () => Promise.reject(recordDamaged('a bit flipped')) },
    keys: { keyring: whole, book: new KeyBook(whole) },
    owners: { admit: async () => undefined },
    mayBeBase: () => true,
  } as unknown as ClientServicesOptions);

  const target = await clients.begin({ datasetName: 'mail', host: 'box', paths: [] }, undefined);

  assert.equal(target.previous, undefined);
});
