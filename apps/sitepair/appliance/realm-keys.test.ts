import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createKeyring, withNewDataKey } from '#keys';
import type { KeyId, SiteId } from '#model';
import { systemRandom } from '#runtime';
import { noAuthority, RealmKeys } from './realm-keys.ts';
import type { Secrets } from './secrets.ts';

test('a member that logs keys which nobody else holds stops no backup and no start', () => {
  const by = { random: systemRandom, siteId: new Uint8Array(16) as SiteId, createdSeconds: 1 };
  const { keyring, dataKey } = withNewDataKey(createKeyring(systemRandom), by);
  let common: readonly KeyId[] = [dataKey.keyId];
  const keys = new RealmKeys({ readKeyring: () => keyring, sealedTo: () => '' } as unknown as Secrets, () => ({
    ...noAuthority,
    acceptableKeys: () => common,
  }));
  common = [];
  keys.refresh();
  assert.deepEqual(keys.book.sealingKey.keyId, dataKey.keyId);
});
