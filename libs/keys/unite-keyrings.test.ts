import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { equalBytes, isAppError, toHex } from '#runtime';
import { createIdentity, type SiteIdentity } from './identity.ts';
import { toDataKeyId, toDomainId, toRealmId, toSiteId } from './ids.ts';
import {
  isVoided,
  type Keyring,
  keyringLimits,
  kitsInForce,
  kitsOfSiteMax,
  normalKeyring,
  signedId,
} from './keyring.ts';
import { keyringHash } from './keyring-codec.ts';
import { endorseKit, type KeyringKit, type KitVoid, type SignedBySite, voidStatementOf } from './kit-statements.ts';
import { createKitSeed, openKit } from './recovery-kit.ts';
import { seededRandom } from './seeded-random.fixture.ts';
import { believedPart, uniteKeyrings } from './unite-keyrings.ts';

const filled = (length: number, value: number) => new Uint8Array(length).fill(value);
const realm = (value: number) => toRealmId(filled(16, value));
const subset = (max: number) => fc.uniqueArray(fc.nat(max), { maxLength: 5 });
const times = fc.array(fc.nat(3), { minLength: 12, maxLength: 12 });

const random = seededRandom('unite');
const [north, south, thief] = [createIdentity(random), createIdentity(random), createIdentity(random)];
const [northKit, southKit, thiefKit] = await Promise.all([1, 2, 3].map(() => openKit(createKitSeed(random, false))));
assert.ok(northKit && southKit && thiefKit);
const [ofNorth, ofSouth, ofThief] = [
  endorseKit(northKit, north, 1),
  endorseKit(southKit, south, 1),
  endorseKit(thiefKit, thief, 1),
];
const northAgain = { siteId: north.siteId, key: createIdentity(random).key };
const stock = {
  kits: [ofNorth, ofSouth, ofThief, endorseKit(northKit, northAgain, 2)],
  kitVoids: [north, south, thief, northAgain].map((site) => voidStatementOf(northKit.kitId, site)),
};
stock.kits.push(endorseKit(thiefKit, { ...thief, siteId: south.siteId, key: createIdentity(random).key }, 5));
stock.kitVoids.push(voidStatementOf(southKit.kitId, south), voidStatementOf(thiefKit.kitId, thief));

/** Keyrings of one realm, from a small stock of entries: they overlap often, with differing times, sites and voids. */
const keyrings: fc.Arbitrary<Keyring> = fc
  .record({ former: subset(4), domains: subset(4), dataKeys: subset(8), kits: subset(4), kitVoids: subset(5), times })
  .map(({ former, domains, dataKeys, kits, kitVoids, times: seconds }) =>
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
      kits: kits.map((i) => stock.kits[i]!),
      kitVoids: kitVoids.map((i) => stock.kitVoids[i]!),
    }),
  );

const same = (a: Keyring, b: Keyring) => assert.equal(toHex(keyringHash(a)), toHex(keyringHash(b)));
const ofRealm = (id: number, former: readonly number[] = []) =>
  normalKeyring({
    realmId: realm(id),
    formerRealmIds: former.map(realm),
    domains: [],
    dataKeys: [],
    kits: [],
    kitVoids: [],
  });

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
        assert.ok(united.kits.some((one) => toHex(signedId(one)) === toHex(signedId(kit))));
        assert.equal(isVoided(united, kit), isVoided(a, kit) || isVoided(b, kit));
      }
    }),
  );
});

test('of one kit with two times the earlier stays, whoever unites first', () => {
  const [early, late] = [1, 3].map((seconds) =>
    normalKeyring({ ...ofRealm(1), kits: [endorseKit(southKit, south, seconds)] }),
  );
  assert.ok(early && late);
  same(uniteKeyrings(early, late), early);
  same(uniteKeyrings(late, early), early);
});

const speaksFor =
  (...sites: readonly SiteIdentity[]) =>
  (signed: SignedBySite) =>
    sites.some((site) => equalBytes(site.siteId, signed.siteId) && equalBytes(site.key.publicKey, signed.siteKey));
const realmOf = (kits: readonly KeyringKit[], kitVoids: readonly KitVoid[] = []) =>
  normalKeyring({ ...ofRealm(1), kits, kitVoids });
const sealedTo = (own: Keyring, theirs: Keyring, believes: (signed: SignedBySite) => boolean) => {
  const { part } = believedPart(own, theirs, believes);
  return kitsInForce(uniteKeyrings(own, part)).map((kit) => toHex(kit.kitId));
};
const idsOf = (...kits: readonly KeyringKit[]) => kits.map((kit) => toHex(kit.kitId)).sort();

test('a thief neither adds a kit for another site nor voids one of it', () => {
  const own = realmOf([ofNorth, ofSouth]);
  const believes = speaksFor(north, south, thief);
  const forSouth = endorseKit(thiefKit, { siteId: south.siteId, key: thief.key }, 9);
  const voidOfSouth = voidStatementOf(southKit.kitId, { siteId: south.siteId, key: thief.key });
  const byThief = voidStatementOf(southKit.kitId, thief);
  for (const voided of [voidOfSouth, byThief]) {
    assert.deepEqual(sealedTo(own, realmOf([forSouth], [voided]), believes), idsOf(ofNorth, ofSouth));
  }
});

test('what a key has signed that no longer speaks for its site is left out, and what was taken before stays', () => {
  const own = realmOf([ofNorth, endorseKit(northKit, northAgain, 2)]);
  const stolen = endorseKit(thiefKit, north, 9);
  const theirs = realmOf([ofNorth, stolen], [voidStatementOf(northKit.kitId, north)]);
  const { part, leftOut } = believedPart(own, theirs, speaksFor(northAgain));
  assert.deepEqual(part.kits, [ofNorth]);
  assert.deepEqual([leftOut.kits, leftOut.kitVoids], [[stolen], theirs.kitVoids]);
});

test('a kit of a removed site comes in no more, and one of a site that becomes known later does', () => {
  const own = realmOf([ofNorth]);
  const theirs = realmOf([ofNorth, ofSouth, ofThief]);
  assert.deepEqual(sealedTo(own, theirs, speaksFor(north, south)), idsOf(ofNorth, ofSouth));
  const { leftOut } = believedPart(own, theirs, speaksFor(north));
  assert.deepEqual(sealedTo(own, { ...own, ...leftOut }, speaksFor(south)), idsOf(ofNorth, ofSouth));
});

test('a keyring that was set back brings no void kit to life', () => {
  const own = realmOf([ofNorth], [voidStatementOf(northKit.kitId, north)]);
  assert.deepEqual(sealedTo(own, realmOf([ofNorth]), speaksFor(north)), []);
});

test('one site fills the list of kits for nobody else', async () => {
  const many = [];
  for (let i = 0; i < 20; i++) many.push(endorseKit(await openKit(createKitSeed(random, false)), thief, i));
  const { part, leftOut } = believedPart(realmOf([ofNorth]), realmOf(many), speaksFor(thief));
  assert.deepEqual([part.kits.length, leftOut.kits.length], [kitsOfSiteMax, 20 - kitsOfSiteMax]);
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
