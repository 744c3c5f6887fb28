import { assert, compareBytes, concatBytes, equalBytes, type Random, toHex } from '#runtime';
import type { SiteIdentity } from './identity.ts';
import {
  type DataKeyId,
  type DomainId,
  dataKeyIdBytes,
  domainIdBytes,
  type KitId,
  type RealmId,
  realmIdBytes,
  type SiteId,
  toDataKeyId,
  toDomainId,
  toRealmId,
} from './ids.ts';
import { KeysError } from './keys-error.ts';
import { isSignedKit, type KeyringKit, type KitVoid, type SignedBySite, voidStatementOf } from './kit-statements.ts';

/** A domain: equal content within it is stored once. Its keys never rotate. */
export interface Domain {
  readonly domainId: DomainId;
  readonly idKey: Uint8Array;
  readonly chunkerKey: Uint8Array;
  readonly originSiteId: SiteId;
  readonly createdSeconds: number;
}

/** A key that seals records. */
export interface DataKey {
  readonly keyId: DataKeyId;
  readonly key: Uint8Array;
  readonly createdSeconds: number;
  readonly bySiteId: SiteId;
}

/**
 * What the members of a realm share. An immutable value: its lists are sorted by id, without doubles, and every change
 * is a new value. Nothing is ever taken out. Which data key seals is decided elsewhere: see newestDataKey. A kit stands
 * once for each identity key by which its site has signed it.
 */
export interface Keyring {
  readonly realmId: RealmId;
  readonly formerRealmIds: readonly RealmId[];
  readonly domains: readonly Domain[];
  readonly dataKeys: readonly DataKey[];
  readonly kits: readonly KeyringKit[];
  readonly kitVoids: readonly KitVoid[];
}

/**
 * A data key a week for 78 years; a domain for each site and each client-held dataset; a kit replaced often at many
 * sites; and the whole below half a megabyte, since it is sent and hashed as one message.
 */
export const keyringLimits = { dataKeys: 4096, domains: 256, kits: 64, kitVoids: 128, formerRealmIds: 64 } as const;

/** Of another site's kits no more are taken: so no site alone fills the list for all. */
export const kitsOfSiteMax = 16;

/** A new realm without anything in it. */
export function createKeyring(random: Random): Keyring {
  const realmId = toRealmId(random.bytes(realmIdBytes));
  return normalKeyring({ realmId, formerRealmIds: [], domains: [], dataKeys: [], kits: [], kitVoids: [] });
}

/** Who adds an entry, and when (wall time, whole seconds since 1970). */
export interface Addition {
  readonly random: Random;
  readonly siteId: SiteId;
  readonly createdSeconds: number;
}

/** Throws on a time that has no encoding; our own clocks make none. */
function wholeSeconds(seconds: number): number {
  assert(Number.isSafeInteger(seconds) && seconds >= 0, 'a time is in whole seconds since 1970');
  return seconds;
}

/** With one more data key, random. Throws KeysError 'keyring_full'. */
export function withNewDataKey(
  keyring: Keyring,
  by: Addition,
): { readonly keyring: Keyring; readonly dataKey: DataKey } {
  const dataKey: DataKey = {
    keyId: toDataKeyId(by.random.bytes(dataKeyIdBytes)),
    key: by.random.bytes(32),
    createdSeconds: wholeSeconds(by.createdSeconds),
    bySiteId: by.siteId,
  };
  return { keyring: normalKeyring({ ...keyring, dataKeys: [...keyring.dataKeys, dataKey] }), dataKey };
}

/** With one more domain, random. Throws KeysError 'keyring_full'. */
export function withNewDomain(keyring: Keyring, by: Addition): { readonly keyring: Keyring; readonly domain: Domain } {
  const domain: Domain = {
    domainId: toDomainId(by.random.bytes(domainIdBytes)),
    idKey: by.random.bytes(32),
    chunkerKey: by.random.bytes(32),
    originSiteId: by.siteId,
    createdSeconds: wholeSeconds(by.createdSeconds),
  };
  return { keyring: normalKeyring({ ...keyring, domains: [...keyring.domains, domain] }), domain };
}

/** With this kit (endorseKit makes the entry); the same when it is there. Throws KeysError 'keyring_full'. */
export function withKit(keyring: Keyring, kit: KeyringKit): Keyring {
  assert(isSignedKit(kit), 'a kit is signed by itself and by its site');
  if (keyring.kits.some((one) => equalBytes(signedId(one), signedId(kit)))) return keyring;
  return normalKeyring({ ...keyring, kits: [...keyring.kits, kit] });
}

/**
 * With this kit of the site voided: later versions are not sealed to it any more. What was sealed to it earlier it still
 * opens, so a lost kit also calls for a new data key. Throws KeysError 'kit_unknown' when the site has no such kit.
 */
export function voidKit(keyring: Keyring, kitId: KitId, site: SiteIdentity): Keyring {
  const kit = keyring.kits.find((one) => equalBytes(one.kitId, kitId) && equalBytes(one.siteId, site.siteId));
  if (kit === undefined) {
    throw new KeysError('kit_unknown', 'this site has no such kit', 'List its kits, and name one of them.');
  }
  const said = voidStatementOf(kitId, site);
  if (keyring.kitVoids.some((one) => equalBytes(signedId(one), signedId(said)))) return keyring;
  return normalKeyring({ ...keyring, kitVoids: [...keyring.kitVoids, said] });
}

/** True for a kit that its site has voided, under whatever key. What other sites say of it does not count. */
export function isVoided(
  { kitVoids }: Pick<Keyring, 'kitVoids'>,
  kit: { readonly kitId: Uint8Array; readonly siteId: Uint8Array },
): boolean {
  return kitVoids.some((one) => equalBytes(one.kitId, kit.kitId) && equalBytes(one.siteId, kit.siteId));
}

/** The kits of one site, or of all, that are not void: one entry a kit, by ascending id. */
export function kitsInForce(keyring: Keyring, siteId?: SiteId): KeyringKit[] {
  const valid = keyring.kits.filter(
    (kit) => (siteId === undefined || equalBytes(kit.siteId, siteId)) && !isVoided(keyring, kit),
  );
  return [...new Map(valid.map((kit) => [toHex(kit.kitId), kit])).values()];
}

/**
 * The data key that was created last, of equal times the one with the greater id; of `acceptableIds` only, when given.
 * Undefined when there is none.
 */
export function newestDataKey(keyring: Keyring, acceptableIds?: Iterable<DataKeyId>): DataKey | undefined {
  const among =
    acceptableIds === undefined ? keyring.dataKeys : [...acceptableIds].map((id) => findDataKey(keyring, id));
  let newest: DataKey | undefined;
  for (const key of among) {
    if (key !== undefined && (newest === undefined || isNewer(key, newest))) newest = key;
  }
  return newest;
}

export function findDataKey(keyring: Keyring, keyId: DataKeyId): DataKey | undefined {
  return findSorted(keyring.dataKeys, (key) => compareBytes(key.keyId, keyId));
}

export function findDomain(keyring: Keyring, domainId: DomainId): Domain | undefined {
  return findSorted(keyring.domains, (domain) => compareBytes(domain.domainId, domainId));
}

/** What a kit, or a void, stands under: one of each for each key that its site has signed it with. */
export function signedId({ kitId, siteKey }: SignedBySite): Uint8Array {
  return concatBytes([kitId, siteKey]);
}

/** Sorts, freezes, and holds the limits; every keyring is made here. Throws KeysError 'keyring_full'. */
export function normalKeyring(from: Keyring): Keyring {
  for (const [list, countMax] of Object.entries(keyringLimits)) {
    const count = from[list as keyof typeof keyringLimits].length;
    if (count > countMax) {
      const advice = 'Nothing leaves a keyring: start a new realm for what comes, and keep this one to restore from.';
      throw new KeysError('keyring_full', `a keyring holds at most ${countMax} ${list}, not ${count}`, advice);
    }
  }
  return Object.freeze({
    realmId: from.realmId,
    formerRealmIds: Object.freeze(sortedById(from.formerRealmIds, (id) => id)),
    domains: Object.freeze(sortedById(from.domains, (domain) => domain.domainId)),
    dataKeys: Object.freeze(sortedById(from.dataKeys, (key) => key.keyId)),
    kits: Object.freeze(sortedById(from.kits, signedId)),
    kitVoids: Object.freeze(sortedById(from.kitVoids, signedId)),
  });
}

function sortedById<T>(entries: readonly T[], idOf: (entry: T) => Uint8Array): T[] {
  const sorted = [...entries].sort((a, b) => compareBytes(idOf(a), idOf(b)));
  for (let i = 1; i < sorted.length; i++) {
    assert(!equalBytes(idOf(sorted[i - 1]!), idOf(sorted[i]!)), 'an id occurs once in a keyring');
  }
  return sorted;
}

function isNewer(a: DataKey, b: DataKey): boolean {
  if (a.createdSeconds !== b.createdSeconds) return a.createdSeconds > b.createdSeconds;
  return compareBytes(a.keyId, b.keyId) > 0;
}

function findSorted<T>(entries: readonly T[], compare: (entry: T) => number): T | undefined {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const order = compare(entries[middle]!);
    if (order === 0) return entries[middle];
    if (order < 0) low = middle + 1;
    else high = middle;
  }
  return undefined;
}
