import { type Catalog, decodeMemberStatement, encodeMemberStatement } from '#catalog';
import { kitsInForce, type SignedBySite, type SiteIdentity, sign } from '#keys';
import { asId, type KeyId, type RealmId, type SiteId, shortId } from '#model';
import { AppError, compareBytes, equalBytes, toHex } from '#runtime';
import { softwareVersion } from '../software-version.ts';
import { keyringHeldEntry } from './catalog-keys.ts';
import type { Introduction } from './introduction.ts';
import type { PeerRole } from './operations.ts';
import type { MembershipLog } from './pairing.ts';
import type { Peer } from './peers.ts';
import type { KeyAuthority, RealmKeys } from './realm-keys.ts';
import type { DoorKit } from './secrets.ts';

export interface RealmCatalogOptions {
  readonly catalog: Catalog;
  readonly identity: () => SiteIdentity;
  readonly keys: () => RealmKeys;
  readonly name: string;
  readonly addresses: () => readonly string[];
  readonly door: () => DoorKit | undefined;
  /** The identity key that pairing has brought, of a site that is a peer. */
  readonly pairedKey: (siteId: SiteId) => Uint8Array | undefined;
  /** True of a site that was a member and is no peer any more: nothing waits for its keys. */
  readonly hasLeft: (siteId: SiteId) => boolean;
}

/** The realm as the catalog has it: who is a member, who holds which keys, what this site says of itself. */
export class RealmCatalog implements MembershipLog, KeyAuthority {
  readonly #options: RealmCatalogOptions;

  constructor(options: RealmCatalogOptions) {
    this.#options = options;
  }

  introduction(): Introduction {
    const { catalog, identity, name } = this.#options;
    const incarnation = catalog.incarnation();
    return {
      siteId: identity().siteId,
      name,
      realmId: this.#realmId(),
      identityKey: identity().key.publicKey,
      addresses: [...this.#options.addresses()],
      fullMembers: this.#fullMembers().length,
      softwareVersion: softwareVersion(),
      doorKey: this.#options.door()?.doorKey ?? new Uint8Array(0),
      incarnationId: incarnation?.incarnationId ?? new Uint8Array(16),
      incarnationNumber: incarnation?.number ?? 0,
      ...this.#ownKit(),
    };
  }

  countersign(peer: Peer) {
    const { siteId, key } = this.#options.identity();
    const self = { siteId, publicKey: key.publicKey, ...this.#ownKit() };
    const statement = this.#statement(this.#joinedRealm(peer), peer.siteId, self, peer.ownRole);
    return { statement, countersignature: sign(key, 'catalog member', statement) };
  }

  async addMember(peer: Peer, statement: Uint8Array, countersignature: Uint8Array): Promise<void> {
    const { catalog, identity } = this.#options;
    const newcomer = { ...peer, publicKey: peer.identityKey };
    const expected = this.#statement(this.#joinedRealm(peer), identity().siteId, newcomer, peer.role);
    if (!equalBytes(statement, expected)) throw wrongStatement(peer);
    const left = peer.weInvited ? undefined : this.#leftRealm();
    await catalog.append([
      { kind: 'memberAdded', statement, countersignature, name: peer.name },
      ...(left === undefined ? [] : [{ kind: 'realmJoined' as const, realmId: this.#realmId(), formerRealmId: left }]),
      keyringHeldEntry(this.#options.keys().keyring),
    ]);
  }

  /** Logs what a member says of itself, unless it stands there already: its key is another after a fire, its kit after a new one. */
  async renewMember(peer: Peer, statement: Uint8Array, countersignature: Uint8Array): Promise<void> {
    const { catalog } = this.#options;
    const said = decodeMemberStatement(statement);
    const newcomer = { ...said, siteId: peer.siteId, publicKey: peer.identityKey };
    const expected = this.#statement(this.#realmId(), this.#options.identity().siteId, newcomer, peer.role);
    // One that was signed for another realm id, or before a fire, comes again with the next announcement.
    if (!equalBytes(statement, expected) || catalog.hasMemberStatement(statement)) return;
    await catalog.append([{ kind: 'memberAdded', statement, countersignature, name: peer.name }]);
  }

  /** The kit in office: the one whose door key the peers have or are about to get. */
  doorKit(): { readonly doorKey: Uint8Array; readonly kitId: Uint8Array; readonly kitPublicKey: Uint8Array } {
    return { doorKey: this.#options.door()?.doorKey ?? new Uint8Array(0), ...this.#ownKit() };
  }

  believes({ siteId, siteKey }: SignedBySite): boolean {
    const key = this.#siteKey(siteId);
    return key !== undefined && equalBytes(key, siteKey) && !this.isRemoved(siteId);
  }

  isRemoved(siteId: SiteId): boolean {
    if (equalBytes(siteId, this.#options.identity().siteId)) return false;
    return this.#options.catalog.views.removedSites().some((removed) => equalBytes(removed, siteId));
  }

  /** The key that speaks for a site: this site's own, else by its log, else by pairing. */
  #siteKey(siteId: SiteId): Uint8Array | undefined {
    const { catalog, identity, pairedKey } = this.#options;
    if (equalBytes(siteId, identity().siteId)) return identity().key.publicKey;
    return catalog.identityKeyOf(siteId) ?? pairedKey(siteId);
  }

  async removeMember(peer: Peer): Promise<void> {
    await this.#options.catalog.append([{ kind: 'memberRemoved', siteId: peer.siteId, reason: 'removed by an admin' }]);
  }

  /** Logs where this site can be reached now, unless its log says so already: for peers of peers, and after a fire. */
  async logAddresses(addressText: string): Promise<void> {
    const { catalog, identity, name } = this.#options;
    const addresses = [...this.#options.addresses()];
    const logged = catalog.views.sites().find((site) => equalBytes(site.siteId, identity().siteId));
    if (logged !== undefined && logged.addresses.join() === addresses.join()) return;
    await catalog.append([{ kind: 'siteDescribed', name, addressText, coordinates: logged?.coordinates, addresses }]);
  }

  /** Logs which keyring this site holds now, unless its log says so already. */
  async logKeyring(): Promise<void> {
    const entry = keyringHeldEntry(this.#options.keys().keyring);
    const logged = this.#options.catalog.views.keyringHeldBy(this.#options.identity().siteId);
    if (logged === undefined || !equalBytes(logged.keyringHash, entry.keyringHash))
      await this.#options.catalog.append([entry]);
  }

  /**
   * The data keys that every full member says it holds; undefined while this site has said nothing yet. Where there are keys
   * that no removed site had, one of these seals, whoever lacks it still: what is sealed from now on is not for those who left.
   */
  acceptableKeys(): readonly KeyId[] | undefined {
    const { catalog, identity } = this.#options;
    const [own, ...others] = this.#fullMembers().map((siteId) => catalog.views.keyringHeldBy(siteId)?.dataKeyIds);
    if (own === undefined) return undefined;
    const ours = new Set(own.map(toHex));
    // A member that has not spoken yet was given the whole keyring when it joined; so was one whose last word, in which none
    // of this realm's keys stands, is from before that.
    const spoken = others.map((ids) => new Set(ids?.map(toHex))).filter((ids) => !ids.isDisjointFrom(ours));
    const removed = catalog.views.removedSites().filter((siteId) => !equalBytes(siteId, identity().siteId));
    const known = new Set(
      removed.flatMap((siteId) => catalog.views.keyringHeldBy(siteId)?.dataKeyIds ?? []).map(toHex),
    );
    const kept = own.filter((keyId) => !known.has(toHex(keyId)));
    const heldByAll = (among: readonly KeyId[]) =>
      among.filter((keyId) => spoken.every((ids) => ids.has(toHex(keyId))));
    const keptByAll = heldByAll(kept);
    if (keptByAll.length > 0 || removed.length === 0) return keptByAll;
    return kept.length > 0 ? kept : heldByAll(own);
  }

  /** Names of full members that have not said that they hold this key. */
  lackingKey(keyId: KeyId): string[] {
    const { catalog } = this.#options;
    const lacking = this.#fullMembers().filter(
      (siteId) => !(catalog.views.keyringHeldBy(siteId)?.dataKeyIds ?? []).some((held) => equalBytes(held, keyId)),
    );
    return lacking.map((siteId) => this.siteName(siteId));
  }

  /** As the site describes itself; a blind one does not, and has the name under which it was added. */
  siteName(siteId: Uint8Array): string {
    const { views } = this.#options.catalog;
    const described = views.sites().find((site) => equalBytes(site.siteId, siteId))?.name;
    return described ?? views.members().find((member) => equalBytes(member.siteId, siteId))?.name ?? shortId(siteId);
  }

  /** This site first, then the other full members. */
  #fullMembers() {
    const own = this.#options.identity().siteId;
    const members = this.#options.catalog.views
      .members()
      .filter((member) => member.role === 'full' && !this.#options.hasLeft(member.siteId));
    const others = members.map((member) => member.siteId).filter((siteId) => !equalBytes(siteId, own));
    return [own, ...others.sort(compareBytes)];
  }

  #realmId(): RealmId {
    return this.#options.keys().keyring.realmId;
  }

  /** The realm that a pair is in: the one of the side that is not blind, of two full ones the inviter's. */
  #joinedRealm(peer: Peer): RealmId {
    const theirs = peer.ownRole === 'blind' || (peer.role === 'full' && !peer.weInvited && !peer.joined);
    return theirs ? asId('RealmId', peer.realmId) : this.#realmId();
  }

  #leftRealm(): RealmId | undefined {
    return this.#options.keys().keyring.formerRealmIds.at(-1);
  }

  #statement(realmId: RealmId, bySiteId: SiteId, newcomer: Newcomer, role: PeerRole): Uint8Array {
    const { siteId, publicKey, kitId, kitPublicKey } = newcomer;
    return encodeMemberStatement({ realmId, bySiteId, siteId, publicKey, kitId, kitPublicKey, role });
  }

  /** The kit whose door key is in office, else the newest of this site that is not void. */
  #ownKit(): { readonly kitId: Uint8Array; readonly kitPublicKey: Uint8Array } {
    const { identity, keys, door } = this.#options;
    const kits = kitsInForce(keys().keyring, identity().siteId);
    const newest = kits.sort((a, b) => a.createdSeconds - b.createdSeconds || compareBytes(a.kitId, b.kitId)).at(-1);
    const inOffice = door()?.kitId ?? new Uint8Array(0);
    const kit = kits.find((one) => equalBytes(one.kitId, inOffice)) ?? newest;
    return { kitId: kit?.kitId ?? new Uint8Array(0), kitPublicKey: kit?.signingPublic ?? new Uint8Array(0) };
  }
}

/** What is said of a site that becomes a member. */
interface Newcomer {
  readonly siteId: SiteId;
  readonly publicKey: Uint8Array;
  readonly kitId: Uint8Array;
  readonly kitPublicKey: Uint8Array;
}

function wrongStatement(peer: Peer): AppError {
  return new AppError(`${peer.name} signed another membership than the one agreed on`, {
    code: 'membership_refused',
    advice: 'Remove the pairing at both ends and pair again; if it happens again, please report this.',
  });
}
