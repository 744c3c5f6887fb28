import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Catalog } from '#catalog';
import { createIdentity, createKeyring, createKitSeed, endorseKit, openKit, type SiteIdentity, withKit } from '#keys';
import { asId, type KeyId, type SiteId } from '#model';
import { systemRandom, toHex } from '#runtime';
import { RealmCatalog, type RealmCatalogOptions } from './realm-catalog.ts';
import type { RealmKeys } from './realm-keys.ts';

const [own, south, east] = [createIdentity(systemRandom), createIdentity(systemRandom), createIdentity(systemRandom)];
const keyId = (value: number): KeyId => asId('KeyId', new Uint8Array(8).fill(value));

/** What the logs say, as far as these questions go. */
interface Words {
  readonly members: readonly SiteIdentity[];
  readonly removed?: readonly SiteIdentity[];
  readonly held: ReadonlyMap<SiteIdentity, readonly KeyId[]>;
  /** The keys by which logs are signed now; of a site that is not in it no log is held. */
  readonly keys?: ReadonlyMap<SiteIdentity, Uint8Array>;
}

function realmOf(words: Words, more: Partial<RealmCatalogOptions> = {}): RealmCatalog {
  const of = <T>(map: ReadonlyMap<SiteIdentity, T> | undefined, siteId: SiteId) =>
    [...(map ?? [])].find(([site]) => toHex(site.siteId) === toHex(siteId))?.[1];
  const catalog = {
    identityKeyOf: (siteId: SiteId) => of(words.keys, siteId),
    views: {
      sites: () => [],
      members: () => words.members.map(({ siteId }) => ({ siteId, role: 'full' })),
      removedSites: () => (words.removed ?? []).map(({ siteId }) => siteId),
      keyringHeldBy: (siteId: SiteId) => {
        const dataKeyIds = of(words.held, siteId);
        return dataKeyIds && { siteId, dataKeyIds };
      },
    },
  } as unknown as Catalog;
  return new RealmCatalog({
    catalog,
    identity: () => own,
    keys: () => ({ keyring: createKeyring(systemRandom) }) as unknown as RealmKeys,
    name: 'north',
    addresses: () => [],
    door: () => undefined,
    pairedKey: () => undefined,
    hasLeft: () => false,
    ...more,
  });
}

const hex = (ids: readonly KeyId[] | undefined) => ids?.map(toHex);

test('a new key seals once every member says that it holds it', () => {
  const held = new Map([
    [own, [keyId(1), keyId(2)]],
    [south, [keyId(1)]],
  ]);
  assert.deepEqual(hex(realmOf({ members: [own, south], held }).acceptableKeys()), hex([keyId(1)]));
  held.set(south, [keyId(1), keyId(2)]);
  assert.deepEqual(hex(realmOf({ members: [own, south], held }).acceptableKeys()), hex([keyId(1), keyId(2)]));
});

test('after a removal no key seals that the removed site had, although another member lacks the new one still', () => {
  const held = new Map([
    [own, [keyId(1), keyId(2)]],
    [south, [keyId(1)]],
    [east, [keyId(1)]],
  ]);
  const words = { members: [own, south], removed: [east], held };
  assert.deepEqual(hex(realmOf(words).acceptableKeys()), hex([keyId(2)]));
  assert.equal(realmOf(words).lackingKey(keyId(2)).length, 1);
});

test('a removed site that says it holds every key stops no backup', () => {
  const held = new Map([
    [own, [keyId(1), keyId(2)]],
    [east, [keyId(1), keyId(2)]],
  ]);
  assert.deepEqual(hex(realmOf({ members: [own], removed: [east], held }).acceptableKeys()), hex([keyId(1), keyId(2)]));
});

test('of kits the word of the key counts by which a site signs its log now, and of nobody else', async () => {
  const kit = await openKit(createKitSeed(systemRandom, false));
  const rebuilt = { siteId: south.siteId, key: createIdentity(systemRandom).key };
  const keys = new Map([[south, rebuilt.key.publicKey]]);
  const realm = realmOf({ members: [own, south], held: new Map(), keys }, { pairedKey: () => south.key.publicKey });
  assert.equal(realm.believes(endorseKit(kit, rebuilt, 1)), true);
  assert.equal(realm.believes(endorseKit(kit, south, 1)), false, 'the stolen machine, after the rebuild');
  assert.equal(realm.believes(endorseKit(kit, { siteId: south.siteId, key: east.key }, 1)), false, 'another member');
  assert.equal(realm.believes(endorseKit(kit, own, 1)), true);
  assert.equal(realm.believes(endorseKit(kit, { siteId: own.siteId, key: east.key }, 1)), false);
});

test('before a log is here pairing says whose word counts, and a removed site has none', async () => {
  const kit = await openKit(createKitSeed(systemRandom, false));
  const pairedKey = () => south.key.publicKey;
  const words = { members: [own], held: new Map<SiteIdentity, KeyId[]>() };
  assert.equal(realmOf(words, { pairedKey }).believes(endorseKit(kit, south, 1)), true);
  assert.equal(realmOf({ ...words, removed: [south] }, { pairedKey }).believes(endorseKit(kit, south, 1)), false);
  assert.equal(realmOf({ ...words, removed: [own] }).believes(endorseKit(kit, own, 1)), true, 'its own kit stays');
});

test('what a site says of its kit is the one whose door key the peers have, until another is in office', async () => {
  const [first, second] = await Promise.all([1, 2].map(() => openKit(createKitSeed(systemRandom, false))));
  assert.ok(first && second);
  const keyring = [first, second].reduce(
    (ring, kit, i) => withKit(ring, endorseKit(kit, own, i)),
    createKeyring(systemRandom),
  );
  const options = { keys: () => ({ keyring }) as unknown as RealmKeys };
  const words = { members: [own], held: new Map<SiteIdentity, KeyId[]>() };
  for (const door of [first, second]) {
    const { kitId, kitPublicKey } = realmOf(words, { ...options, door: () => door }).doorKit();
    assert.deepEqual([toHex(kitId), toHex(kitPublicKey)], [toHex(door.kitId), toHex(door.signing.publicKey)]);
  }
});
