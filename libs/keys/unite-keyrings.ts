import { assert, compareBytes, concatBytes, equalBytes, toHex } from '#runtime';
import type { RealmId } from './ids.ts';
import { type DataKey, type Domain, type Keyring, kitsOfSiteMax, normalKeyring, signedId } from './keyring.ts';
import { KeysError } from './keys-error.ts';
import type { KeyringKit, KitVoid, SignedBySite } from './kit-statements.ts';

/**
 * The union of two keyrings: commutative, associative and idempotent, so that all who have seen the same versions hold
 * the same bytes. Where one entry came with two times or sites (a restored
 * machine), the smaller stays.
 *
 * Of two realm ids, the one that is not among the other's former ids stays. Where that does not decide, the caller
 * must say which stays (`stays`: the inviter's); without it, KeysError 'realm_conflict'. The other becomes a former
 * id. Throws 'keyring_conflict' when one id stands for two different keys, which no honest member makes, and
 * 'keyring_full'.
 */
export function uniteKeyrings(a: Keyring, b: Keyring, stays?: RealmId): Keyring {
  const realmId = stayingRealm(a, b, stays);
  const realmIds = [a.realmId, b.realmId, ...a.formerRealmIds, ...b.formerRealmIds];
  return normalKeyring({
    realmId,
    formerRealmIds: unite(realmIds, (id) => id, keepFirst).filter((id) => !equalBytes(id, realmId)),
    domains: unite([...a.domains, ...b.domains], (domain) => domain.domainId, sameDomain),
    dataKeys: unite([...a.dataKeys, ...b.dataKeys], (key) => key.keyId, sameDataKey),
    kits: unite([...a.kits, ...b.kits], signedId, sameKit),
    kitVoids: unite([...a.kitVoids, ...b.kitVoids], signedId, sameVoid),
  });
}

/**
 * `other` with those of its kits and voids alone that may be united into `own`: what is there already, and what `believes`
 * says is signed by a key that speaks for its site, at most 16 kits of a site. Also tells what was left out: it may be
 * believed once more is known of the site.
 */
export function believedPart(
  own: Keyring,
  other: Keyring,
  believes: (signed: SignedBySite) => boolean,
): { readonly part: Keyring; readonly leftOut: KitStatements } {
  const counts = new Map<string, number>();
  for (const kit of own.kits) counts.set(toHex(kit.siteId), (counts.get(toHex(kit.siteId)) ?? 0) + 1);
  const isHeld = (held: readonly SignedBySite[], signed: SignedBySite) =>
    held.some(
      (one) => equalBytes(signedId(one), signedId(signed)) && equalBytes(one.siteSignature, signed.siteSignature),
    );
  const maybe = (kit: KeyringKit) => {
    if (isHeld(own.kits, kit)) return true;
    const count = (counts.get(toHex(kit.siteId)) ?? 0) + 1;
    if (count > kitsOfSiteMax || !believes(kit)) return false;
    counts.set(toHex(kit.siteId), count);
    return true;
  };
  const kits = other.kits.filter(maybe);
  const kitVoids = other.kitVoids.filter((voided) => isHeld(own.kitVoids, voided) || believes(voided));
  return {
    part: normalKeyring({ ...other, kits, kitVoids }),
    leftOut: {
      kits: other.kits.filter((kit) => !kits.includes(kit)),
      kitVoids: other.kitVoids.filter((voided) => !kitVoids.includes(voided)),
    },
  };
}

/** What sites have said of their kits. */
export type KitStatements = Pick<Keyring, 'kits' | 'kitVoids'>;

function stayingRealm(a: Keyring, b: Keyring, stays: RealmId | undefined): RealmId {
  if (stays !== undefined) {
    assert(equalBytes(stays, a.realmId) || equalBytes(stays, b.realmId), 'the realm id that stays is one of the two');
    return stays;
  }
  if (equalBytes(a.realmId, b.realmId)) return a.realmId;
  const aIsFormer = includes(b.formerRealmIds, a.realmId);
  const bIsFormer = includes(a.formerRealmIds, b.realmId);
  if (aIsFormer !== bIsFormer) return aIsFormer ? b.realmId : a.realmId;
  const advice = 'Pair the two sites: the realm of the one that invites stays.';
  throw new KeysError('realm_conflict', 'the keyrings belong to two realms', advice);
}

function includes(ids: readonly Uint8Array[], wanted: Uint8Array): boolean {
  return ids.some((id) => equalBytes(id, wanted));
}

function unite<T>(entries: readonly T[], idOf: (entry: T) => Uint8Array, merge: (one: T, other: T) => T): T[] {
  const united = new Map<string, T>();
  for (const entry of entries) {
    const id = toHex(idOf(entry));
    const known = united.get(id);
    united.set(id, known === undefined ? entry : merge(known, entry));
  }
  return [...united.values()];
}

function keepFirst(one: RealmId): RealmId {
  return one;
}

function sameDomain(one: Domain, other: Domain): Domain {
  if (!equalBytes(one.idKey, other.idKey) || !equalBytes(one.chunkerKey, other.chunkerKey)) {
    throw conflict('domain', one.domainId);
  }
  return smaller(one, one.originSiteId, other, other.originSiteId);
}

function sameDataKey(one: DataKey, other: DataKey): DataKey {
  if (!equalBytes(one.key, other.key)) throw conflict('data key', one.keyId);
  return smaller(one, one.bySiteId, other, other.bySiteId);
}

/** Both are signed by the same kit and site, which then said two things: nobody else is to suffer, so either will do. */
function sameKit(one: KeyringKit, other: KeyringKit): KeyringKit {
  const halves = (kit: KeyringKit) => [kit.x25519Public, kit.mlKemPublic, kit.signingPublic];
  const all = (kit: KeyringKit) => concatBytes([kit.siteId, ...halves(kit), kit.kitSignature, kit.siteSignature]);
  return smaller(one, all(one), other, all(other));
}

function sameVoid(one: KitVoid, other: KitVoid): KitVoid {
  const all = (signed: KitVoid) => concatBytes([signed.siteId, signed.siteSignature]);
  return compareBytes(all(one), all(other)) <= 0 ? one : other;
}

/** The one with the earlier time, of equal times the one with the smaller bytes. */
function smaller<T extends { readonly createdSeconds: number }>(
  one: T,
  oneBytes: Uint8Array,
  other: T,
  otherBytes: Uint8Array,
) {
  if (one.createdSeconds !== other.createdSeconds) return one.createdSeconds < other.createdSeconds ? one : other;
  return compareBytes(oneBytes, otherBytes) <= 0 ? one : other;
}

function conflict(what: string, id: Uint8Array): KeysError {
  const message = `two different keys go by the name of ${what} ${toHex(id)}`;
  const advice =
    'Find out which site wrote the second one: its state is damaged or it is not honest. Remove it from the realm.';
  return new KeysError('keyring_conflict', message, advice, { details: { what, id: toHex(id) } });
}
