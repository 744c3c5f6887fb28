import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  createIdentity,
  createKeyring,
  createKitSeed,
  endorseKit,
  type Keyring,
  kitIdsOfSealedKeyring,
  openKit,
  type SignedBySite,
  withKit,
  withNewDataKey,
} from '#keys';
import type { KeyId, SiteId } from '#model';
import { equalBytes, systemRandom, toHex } from '#runtime';
import { noAuthority, RealmKeys } from './realm-keys.ts';
import { Secrets } from './secrets.ts';
import { createStateFolder, type StatePaths, statePaths } from './state-folder.ts';

const [north, south] = [createIdentity(systemRandom), createIdentity(systemRandom)];
const by = { random: systemRandom, siteId: north.siteId, createdSeconds: 1 };
const newKit = async (site: typeof north) => endorseKit(await openKit(createKitSeed(systemRandom, false)), site, 1);
const northKit = await newKit(north);
const southKit = await newKit(south);
const ofNorth = withKit(withNewDataKey(createKeyring(systemRandom), by).keyring, northKit);
const ids = (...kits: readonly { readonly kitId: Uint8Array }[]) => kits.map(({ kitId }) => toHex(kitId)).sort();

async function withKeys(
  keyring: Keyring,
  work: (paths: StatePaths, secrets: Secrets) => void | Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'sitepair-realm-keys-'));
  try {
    createStateFolder(join(folder, 'north'));
    const paths = statePaths(join(folder, 'north'));
    const secrets = new Secrets(paths, systemRandom);
    secrets.writeKeyring(keyring);
    await work(paths, secrets);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const sealedTo = ({ sealedKeyring }: StatePaths) => kitIdsOfSealedKeyring(readFileSync(sealedKeyring)).map(toHex);

test('a member that logs keys which nobody else holds stops no backup and no start', async () => {
  await withKeys(ofNorth, (_, secrets) => {
    const dataKey = ofNorth.dataKeys[0];
    assert.ok(dataKey !== undefined);
    let common: readonly KeyId[] = [dataKey.keyId];
    const keys = new RealmKeys(secrets, () => ({ ...noAuthority, acceptableKeys: () => common }));
    common = [];
    keys.refresh();
    assert.deepEqual(keys.book.sealingKey.keyId, dataKey.keyId);
  });
});

test('who took the keys when its work began seals with the key that is current when it seals', async () => {
  await withKeys(ofNorth, (_, secrets) => {
    const keys = new RealmKeys(secrets, () => noAuthority);
    const upload = { keys: keys.book };
    const { keyring, dataKey } = withNewDataKey(keys.keyring, { ...by, createdSeconds: 2 });
    keys.change(keyring);
    assert.deepEqual(upload.keys.sealingKey.keyId, dataKey.keyId);
  });
});

test('a kit of a site that becomes known later is taken then, and the keyring is sealed to it', async () => {
  await withKeys(ofNorth, (paths, secrets) => {
    const known = new Set<string>();
    const believes = ({ siteId, siteKey }: SignedBySite) =>
      known.has(toHex(siteId)) && equalBytes(siteKey, south.key.publicKey);
    const keys = new RealmKeys(secrets, () => ({ ...noAuthority, believes }));
    let changes = 0;
    keys.whenChanged(() => changes++);
    assert.equal(keys.unite(withKit(ofNorth, southKit)), false);
    assert.equal(keys.refresh(), false);
    known.add(toHex(south.siteId));
    assert.equal(keys.refresh(), true);
    assert.equal(changes, 1);
    assert.deepEqual(sealedTo(paths), ids(northKit, southKit));
    assert.equal(keys.refresh(), false);
  });
});

test('from the moment in which a site is removed nothing is sealed to its kit, also after a restart', async () => {
  await withKeys(withKit(ofNorth, southKit), (paths, secrets) => {
    const removed: SiteId[] = [];
    const authority = { ...noAuthority, isRemoved: (siteId: SiteId) => removed.includes(siteId) };
    const keys = new RealmKeys(secrets, () => authority);
    assert.equal(keys.refresh(), false);
    removed.push(south.siteId);
    const again = new RealmKeys(new Secrets(paths, systemRandom), () => ({
      ...noAuthority,
      isRemoved: (siteId: SiteId) => equalBytes(siteId, south.siteId),
    }));
    assert.equal(again.refresh(), true);
    assert.deepEqual(sealedTo(paths), ids(northKit));
    assert.equal(again.refresh(), false);
  });
});
