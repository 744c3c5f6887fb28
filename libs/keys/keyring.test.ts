import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAppError, toHex } from '#runtime';
import { type DataKeyId, toDataKeyId, toKitId, toSiteId } from './ids.ts';
import {
  createKeyring,
  findDataKey,
  findDomain,
  findKit,
  keyringLimits,
  newestDataKey,
  voidKit,
  withKit,
  withNewDataKey,
  withNewDomain,
} from './keyring.ts';
import { kitPublic, openKit } from './recovery-kit.ts';
import { seededRandom } from './seeded-random.fixture.ts';

const random = seededRandom('keyring');
const siteId = toSiteId(random.bytes(16));
const by = (createdSeconds: number) => ({ random, siteId, createdSeconds });
const kit = kitPublic(await openKit({ seed: random.bytes(32), passphraseNeeded: false }), siteId, 5);

test('adding gives a new value and leaves the old one as it was', () => {
  const empty = createKeyring(random);
  const { keyring, dataKey } = withNewDataKey(empty, by(1));
  assert.equal(empty.dataKeys.length, 0);
  assert.deepEqual(keyring.dataKeys, [dataKey]);
  assert.ok(Object.isFrozen(keyring) && Object.isFrozen(keyring.dataKeys));
});

test('entries are found by their ids among many, and no others are', () => {
  let keyring = withKit(createKeyring(random), kit);
  const dataKeys = [];
  const domains = [];
  for (let i = 0; i < 50; i++) {
    const withKey = withNewDataKey(keyring, by(i));
    const withDomain = withNewDomain(withKey.keyring, by(i));
    dataKeys.push(withKey.dataKey);
    domains.push(withDomain.domain);
    keyring = withDomain.keyring;
  }
  for (const key of dataKeys) assert.deepEqual(findDataKey(keyring, key.keyId), key);
  for (const domain of domains) assert.deepEqual(findDomain(keyring, domain.domainId), domain);
  assert.deepEqual(findKit(keyring, kit.kitId), kit);
  assert.equal(findDataKey(keyring, toDataKeyId(new Uint8Array(8))), undefined);
  assert.equal(findKit(keyring, toKitId(new Uint8Array(8))), undefined);
});

test('the newest data key has the latest time, then the greatest id, among those that are acceptable', () => {
  let keyring = createKeyring(random);
  assert.equal(newestDataKey(keyring), undefined);
  const ids: DataKeyId[] = [];
  for (const seconds of [3, 9, 9, 1]) {
    const added = withNewDataKey(keyring, by(seconds));
    ids.push(added.dataKey.keyId);
    keyring = added.keyring;
  }
  const [first, second, third, last] = ids;
  const newest = toHex(second!) > toHex(third!) ? second! : third!;
  assert.deepEqual(newestDataKey(keyring)?.keyId, newest);
  assert.deepEqual(newestDataKey(keyring, [last!, first!])?.keyId, first);
  assert.deepEqual(newestDataKey(keyring, [toDataKeyId(new Uint8Array(8)), last!])?.keyId, last);
  assert.equal(newestDataKey(keyring, []), undefined);
});

test('a voided kit stays listed as void, and adding it again does not bring it back', () => {
  const keyring = voidKit(withKit(createKeyring(random), kit), kit.kitId);
  assert.equal(findKit(withKit(keyring, kit), kit.kitId)?.voided, true);
});

test('voiding a kit that is not there is refused', () => {
  assert.throws(
    () => voidKit(createKeyring(random), kit.kitId),
    (error) => isAppError(error, 'kit_unknown'),
  );
});

test('a keyring that is full of domains takes no more', () => {
  let keyring = createKeyring(random);
  for (let i = 0; i < keyringLimits.domains; i++) keyring = withNewDomain(keyring, by(i)).keyring;
  assert.throws(
    () => withNewDomain(keyring, by(0)),
    (error) => isAppError(error, 'keyring_full'),
  );
});

test('times that have no encoding, and kits whose id is not of their keys, are bugs', () => {
  const keyring = createKeyring(random);
  for (const seconds of [-1, 0.5, Number.NaN, 2 ** 53])
    assert.throws(() => withNewDataKey(keyring, by(seconds)), /bug/);
  assert.throws(() => withKit(keyring, { ...kit, kitId: toKitId(new Uint8Array(8)) }), /bug/);
});
