import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isAppError, toHex } from '#runtime';
import { toDataKeyId, toDomainId, toRealmId, toSiteId } from './ids.ts';
import { type Keyring, keyringLimits, normalKeyring } from './keyring.ts';
import { keyringHash } from './keyring-codec.ts';
import { kitIdOf } from './kit-id.ts';
import { uniteKeyrings } from './unite-keyrings.ts';

const filled = (length: number, value: number) => new Uint8Array(length).fill(value);
const realm = (value: number) => toRealmId(filled(16, value));
const subset = (max: number) => fc.uniqueArray(fc.nat(max), { maxLength: 5 });
const times = fc.array(fc.nat(3), { minLength: 12, maxLength: 12 });

/** Keyrings of one realm, from a small stock of entries: they overlap often, with differing times, sites and voids. */
const keyrings: fc.Arbitrary<Keyring> = fc
  .record({ former: subset(4), domains: subset(4), dataKeys: subset(8), kits: subset(4), times, voids: fc.nat(31) })
  .map(({ former, domains, dataKeys, kits, times: seconds, voids }) =>
    normalKeyring({
      realmId: realm(200),
      formerRealmIds: former.map(realm),
      domains: domains.map((i) => ({
        domainId: toDomainId(filled(8, i)),
        idKey: filled(32, i),
        chunkerKey: filled(32, i + 100),
        originSiteId: toSiteId(filled(16, seconds[i + 1]!)),
        createdSeconds: seconds[i]!,
      })),
      dataKeys: dataKeys.map((i) => ({
        keyId: toDataKeyId(filled(8, i)),
        key: filled(32, i),
        createdSeconds: seconds[i]!,
        bySiteId: toSiteId(filled(16, seconds[i + 1]!)),
      })),
      kits: kits.map((i) => ({
        ...kitOf(i),
        siteId: toSiteId(filled(16, seconds[i + 1]!)),
        createdSeconds: seconds[i]!,
        voided: ((voids >> i) & 1) === 1,
      })),
    }),
  );

function kitOf(i: number) {
  const halves = { x25519Public: filled(32, i), mlKemPublic: filled(1184, i), signingPublic: filled(32, i) };
  return { kitId: kitIdOf(halves), ...halves };
}

const same = (a: Keyring, b: Keyring) => assert.equal(toHex(keyringHash(a)), toHex(keyringHash(b)));
const ofRealm = (id: number, former: readonly number[] = []) =>
  normalKeyring({ realmId: realm(id), formerRealmIds: former.map(realm), domains: [], dataKeys: [], kits: [] });

test('uniting is commutative', () => {
  fc.assert(fc.property(keyrings, keyrings, (a, b) => same(uniteKeyrings(a, b), uniteKeyrings(b, a))));
});

test('uniting is associative', () => {
  fc.assert(
    fc.property(keyrings, keyrings, keyrings, (a, b, c) =>
      same(uniteKeyrings(uniteKeyrings(a, b), c), uniteKeyrings(a, uniteKeyrings(b, c))),
    ),
  );
});

test('uniting is idempotent, and uniting with a part changes nothing', () => {
  fc.assert(
    fc.property(keyrings, keyrings, (a, b) => {
      same(uniteKeyrings(a, a), a);
      const united = uniteKeyrings(a, b);
      same(uniteKeyrings(united, a), united);
    }),
  );
});

test('uniting loses no entry, and a kit voided on either side is void', () => {
  fc.assert(
    fc.property(keyrings, keyrings, (a, b) => {
      const united = uniteKeyrings(a, b);
      const ids = (of: Keyring) =>
        [...of.domains.map((one) => one.domainId), ...of.dataKeys.map((one) => one.keyId), ...of.formerRealmIds].map(
          toHex,
        );
      assert.deepEqual(new Set(ids(united)), new Set([...ids(a), ...ids(b)]));
      for (const kit of [...a.kits, ...b.kits]) {
        const found = united.kits.find((one) => toHex(one.kitId) === toHex(kit.kitId));
        assert.ok(found !== undefined && (found.voided || !kit.voided));
      }
    }),
  );
});

test('of two realms the one that the caller names stays, and the other becomes a former one', () => {
  const [a, b] = [ofRealm(1, [5]), ofRealm(2, [6])];
  for (const stays of [1, 2]) {
    const united = uniteKeyrings(a, b, realm(stays));
    same(united, uniteKeyrings(b, a, realm(stays)));
    same(united, ofRealm(stays, [3 - stays, 5, 6]));
  }
});

test('two realms of which none is a former one of the other are not united unless the caller says which stays', () => {
  for (const [a, b] of [
    [ofRealm(1), ofRealm(2)],
    [ofRealm(1, [2]), ofRealm(2, [1])],
  ] as const) {
    assert.throws(
      () => uniteKeyrings(a, b),
      (error) => isAppError(error, 'realm_conflict'),
    );
  }
  assert.throws(() => uniteKeyrings(ofRealm(1), ofRealm(2), realm(3)), /bug/);
});

test('a late version from a former realm unites into the present one by itself', () => {
  same(uniteKeyrings(ofRealm(1, [2]), ofRealm(2, [4])), ofRealm(1, [2, 4]));
  same(uniteKeyrings(ofRealm(2, [4]), ofRealm(1, [2])), ofRealm(1, [2, 4]));
});

test('one id for two different keys is a conflict, not a choice', () => {
  const entry = { createdSeconds: 1, bySiteId: toSiteId(filled(16, 1)), originSiteId: toSiteId(filled(16, 1)) };
  const base = ofRealm(1);
  const withKey = (key: number) =>
    normalKeyring({ ...base, dataKeys: [{ ...entry, keyId: toDataKeyId(filled(8, 1)), key: filled(32, key) }] });
  const withDomain = (key: number, chunkerKey: number) => {
    const keys = { idKey: filled(32, key), chunkerKey: filled(32, chunkerKey) };
    return normalKeyring({ ...base, domains: [{ ...entry, domainId: toDomainId(filled(8, 1)), ...keys }] });
  };
  for (const [a, b] of [
    [withKey(1), withKey(2)],
    [withDomain(1, 1), withDomain(2, 1)],
    [withDomain(1, 1), withDomain(1, 2)],
  ] as const) {
    assert.throws(
      () => uniteKeyrings(a, b),
      (error) => isAppError(error, 'keyring_conflict'),
    );
  }
});

test('a union above a limit is refused as a whole', () => {
  const half = (from: number) =>
    ofRealm(
      200,
      Array.from({ length: keyringLimits.formerRealmIds / 2 + 1 }, (_, i) => from + i),
    );
  assert.throws(
    () => uniteKeyrings(half(0), half(100)),
    (error) => isAppError(error, 'keyring_full'),
  );
});
