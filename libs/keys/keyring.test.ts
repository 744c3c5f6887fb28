import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAppError, toHex } from '#runtime';
import { createIdentity } from './identity.ts';
import { type DataKeyId, toDataKeyId, toKitId } from './ids.ts';
import {
  createKeyring,
  findDataKey,
  findDomain,
  isVoided,
  keyringLimits,
  kitsInForce,
  newestDataKey,
  normalKeyring,
  voidKit,
  withKit,
  withNewDataKey,
  withNewDomain,
} from './keyring.ts';
import { endorseKit, voidStatementOf } from './kit-statements.ts';
import { openKit } from './recovery-kit.ts';
import { seededRandom } from './seeded-random.fixture.ts';

const random = seededRandom('keyring');
const site = createIdentity(random);
const { siteId } = site;
const by = (createdSeconds: number) => ({ random, siteId, createdSeconds });
const opened = await openKit({ seed: random.bytes(32), passphraseNeeded: false });
const kit = endorseKit(opened, site, 5);

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
  assert.deepEqual(kitsInForce(keyring), [kit]);
  assert.equal(findDataKey(keyring, toDataKeyId(new Uint8Array(8))), undefined);
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
  const keyring = voidKit(withKit(createKeyring(random), kit), kit.kitId, site);
  const again = withKit(keyring, kit);
  assert.deepEqual([again.kits, kitsInForce(again)], [[kit], []]);
});

test('voiding a kit that is not there is refused', () => {
  assert.throws(
    () => voidKit(createKeyring(random), kit.kitId, site),
    (error) => isAppError(error, 'kit_unknown'),
  );
});

test('no site voids a kit of another site', () => {
  const other = createIdentity(random);
  const keyring = withKit(createKeyring(random), kit);
  assert.throws(
    () => voidKit(keyring, kit.kitId, other),
    (error) => isAppError(error, 'kit_unknown'),
  );
  const claimed = normalKeyring({ ...keyring, kitVoids: [voidStatementOf(kit.kitId, other)] });
  assert.equal(isVoided(claimed, kit), false);
  assert.deepEqual(kitsInForce(claimed), [kit]);
});

test('a kit signed again with a new key of its site is one kit', () => {
  const later = { siteId, key: createIdentity(random).key };
  const twice = withKit(withKit(createKeyring(random), kit), endorseKit(opened, later, 9));
  assert.deepEqual([twice.kits.length, kitsInForce(twice).length], [2, 1]);
  assert.equal(kitsInForce(voidKit(twice, kit.kitId, later)).length, 0);
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
