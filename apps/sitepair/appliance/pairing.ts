import {
  decodeKeyring,
  encodeKeyring,
  pairSecret,
  type SiteIdentity,
  siteFingerprint,
  sixWords,
  uniteKeyrings,
} from '#keys';
import { type DoorSession, dialDoor, type Link, type LinkSettings } from '#link';
import type { MessageChannel } from '#replication';
import { type Clock, equalBytes, isAppError } from '#runtime';
import { codecOf } from '#wire';
import { checkIntroduction, checkJoining, type Introduction, signIntroduction, siteIdOf } from './introduction.ts';
import { decodeInvitation, type InvitationFields, invitationPurposes, invitationRoles } from './invitation-code.ts';
import { type Invitations, type OpenInvitation, staticFingerprint } from './invitations.ts';
import type { Links } from './links.ts';
import type { PairingView } from './operations.ts';
import {
  agentInvitation,
  alreadyPaired,
  cutShort,
  invitationExpired,
  invitationUsed,
  inviterUnreachable,
  nameTaken,
  noAnswer,
  notPaired,
  wrongInviter,
} from './pairing-errors.ts';
import type { Peer, PeerFile } from './peers.ts';
import type { RealmKeys } from './realm-keys.ts';

/** What pairing asks of the catalog. */
export interface MembershipLog {
  /** This site's introduction, but for what the handshake decides. */
  introduction(): Introduction;
  /** The statement by which `peer` adds this site, and this site's signature over it. */
  countersign(peer: Peer): { readonly statement: Uint8Array; readonly countersignature: Uint8Array };
  /** Checks the peer's statement about itself and logs it as a member, with the keyring now held. Durable when it resolves. */
  addMember(peer: Peer, statement: Uint8Array, countersignature: Uint8Array): Promise<void>;
  removeMember(peer: Peer): Promise<void>;
  /** Logs which keyring this site holds, when that has changed. */
  logKeyring(): Promise<void>;
}

interface PairMessage {
  confirmed?: object | null;
  keyring?: { keyring: Uint8Array; memberStatement: Uint8Array; countersignature: Uint8Array } | null;
  removed?: object | null;
  reachable?: { addresses: string[] } | null;
  sealedKeyring?: { sealed: Uint8Array } | null;
}

/** What a peer may take to answer an announcement: it has a keyring to write and an entry to log. */
const answerMsMax = 20_000;

const pairCodec = codecOf<PairMessage>('pairing.proto', 'sitepair.pairing.v1.PairMessage');

export interface PairingOptions {
  readonly identity: () => SiteIdentity;
  readonly settings: LinkSettings;
  readonly peers: PeerFile;
  readonly invitations: Invitations;
  readonly keys: RealmKeys;
  readonly log: MembershipLog;
  readonly links: () => Links;
  readonly clock: Clock;
  /** The sealed keyring of this realm, for blind peers to keep. */
  readonly sealedKeyring: () => Uint8Array;
  /** Makes room for a peer to which this site is blind, and keeps its sealed keyring there. */
  readonly lend: (peer: Peer, sealedKeyring: Uint8Array) => Promise<void>;
  /** Both are members now: catalogs and copies may flow. */
  readonly onJoined: (link: Link, peer: Peer) => void;
  /** Learns of failures on channels that nobody waits for. */
  readonly onFailure: (error: unknown) => void;
}

/** Who holds keys, and who invited. */
type PairRoles = Pick<Peer, 'role' | 'ownRole' | 'weInvited'>;

/** How long a removal waits for the peer to say that it has heard. */
const tellPatienceMs = 5000;

/** How two appliances come to trust each other: PROTOCOL.md section 6. Every step may be repeated; a lost answer costs nothing. */
export class Pairing {
  readonly #options: PairingOptions;

  constructor(options: PairingOptions) {
    this.#options = options;
  }

  /** Goes through the door of an invitation; afterwards both ends know each other and show the same words. */
  async accept(code: string): Promise<PairingView> {
    const invitation = decodeInvitation(code);
    this.#checkInvitation(invitation);
    const { session, address } = await this.#dial(invitation);
    try {
      if (!equalBytes(staticFingerprint(session.remoteStatic), invitation.inviterFingerprint)) throw wrongInviter();
      const channel = session.mux.open('introduce');
      const own = this.#options.log.introduction();
      await channel.send(signIntroduction(this.#options.identity(), session.handshakeHash, own));
      const reply = await channel.receive();
      if (reply === undefined) throw cutShort();
      const role = invitation.role === invitationRoles.blind ? 'blind' : 'full';
      const peer = this.#take(session, reply, { role: 'full', ownRole: role, weInvited: false }, [address]);
      await channel.end();
      this.#options.links().keep(peer.siteId);
      return this.view(peer);
    } finally {
      await session.mux.close();
    }
  }

  /** The inviter's side of the same; called when somebody came through the door. */
  welcome(invitation: OpenInvitation, session: DoorSession): void {
    session.mux.serve('introduce', async (channel) => {
      const first = await channel.receive();
      if (first === undefined) return;
      const introduction = checkIntroduction(first, session.handshakeHash, session.remoteStatic);
      const roles = { role: invitation.role, ownRole: 'full', weInvited: true } as const;
      // A site that is refused uses up nothing; one that finds the invitation used is told that first.
      if (!this.#options.invitations.isFor(invitation.secret, introduction.siteId)) throw invitationUsed();
      this.#checkNewcomer(introduction, roles);
      this.#options.invitations.use(invitation.secret, introduction.siteId);
      const peer = this.#take(session, first, roles);
      await channel.send(
        signIntroduction(this.#options.identity(), session.handshakeHash, this.#options.log.introduction()),
      );
      this.#options.links().keep(peer.siteId);
    });
  }

  /** This end's admin has compared the words. */
  async confirm(name: string): Promise<PairingView> {
    const peer = this.#options.peers.named(name);
    const confirmed = this.#options.peers.change(peer.siteId, { confirmedHere: true });
    const link = this.#options.links().link(peer.siteId);
    if (link !== undefined) await this.announce(link);
    return this.view(this.#options.peers.find(peer.siteId) ?? confirmed);
  }

  /** Tells the peer where this end stands: called when a link is up, and after every change. */
  async announce(link: Link): Promise<void> {
    const peer = this.#options.peers.find(link.peer.siteId);
    if (peer === undefined || !peer.confirmedHere) return;
    const channel = await link.open('pair', 'control');
    const deadline = this.#options.settings.timers.after(answerMsMax, () => channel.abort(noAnswer(peer.name)));
    try {
      await this.#announceOn(channel, peer);
    } finally {
      deadline.cancel();
    }
  }

  async #announceOn(channel: MessageChannel, peer: Peer): Promise<void> {
    await channel.send(pairCodec.encode({ confirmed: {} }));
    await channel.send(pairCodec.encode({ reachable: { addresses: this.#options.log.introduction().addresses } }));
    if (peer.confirmedThere && peer.role === 'full') {
      const { statement, countersignature } = this.#options.log.countersign(peer);
      const keyring = isFullPair(peer) ? encodeKeyring(this.#options.keys.keyring) : new Uint8Array(0);
      await channel.send(pairCodec.encode({ keyring: { keyring, memberStatement: statement, countersignature } }));
    }
    if (peer.joined && peer.role === 'blind') {
      await channel.send(pairCodec.encode({ sealedKeyring: { sealed: this.#options.sealedKeyring() } }));
    }
    await channel.end();
    // The peer's refusal, if it has one, comes as an error here.
    await channel.receive();
  }

  /** After the keyring has changed: every peer that can be reached gets it now, the others when their link is up again. */
  async announceToAll(): Promise<void> {
    const { peers, links, onFailure } = this.#options;
    const up = peers.paired().flatMap((peer) => links().link(peer.siteId) ?? []);
    await Promise.all(up.map((link) => this.announce(link).catch(onFailure)));
  }

  /** Serves the peer's announcements. */
  async serve(channel: MessageChannel, link: Link): Promise<void> {
    for (let bytes = await channel.receive(); bytes !== undefined; bytes = await channel.receive()) {
      const peer = this.#options.peers.find(link.peer.siteId);
      if (peer === undefined) throw notPaired();
      const message = pairCodec.decode(bytes);
      if (message.confirmed) this.#confirmedThere(peer, link);
      else if (message.keyring) await this.#join(peer, message.keyring, link);
      else if (message.reachable) this.#takeAddresses(peer, message.reachable.addresses);
      else if (message.sealedKeyring) await this.#lend(peer, message.sealedKeyring.sealed, link);
      else if (message.removed) this.#options.peers.remove(peer.siteId);
    }
  }

  /** Ends the trust. What the peer had it can still read; new keys never reach it. */
  async remove(name: string): Promise<{ readonly warnings: readonly string[] }> {
    const peer = this.#options.peers.named(name);
    const link = this.#options.links().link(peer.siteId);
    if (peer.joined && isFullPair(peer)) await this.#options.log.removeMember(peer);
    // Before the peer is told: one that never answers keeps nothing by that.
    this.#options.peers.remove(peer.siteId);
    const isTold = link !== undefined && (await this.#tellRemoved(link));
    await this.#options.links().drop(peer.siteId, notPaired());
    const told = isTold ? [] : [`${peer.name} could not be told: remove this site there, too.`];
    const kept = isFullPair(peer)
      ? [
          `${peer.name} keeps the keys and copies it had until now and can still read them; data keys made from now on never reach it.`,
        ]
      : [];
    return { warnings: [...told, ...kept] };
  }

  /** False when the peer does not say that it has heard. */
  async #tellRemoved(link: Link): Promise<boolean> {
    const { timers } = this.#options.settings;
    const tell = async () => {
      const channel = await link.open('pair', 'control');
      await channel.send(pairCodec.encode({ removed: {} }));
      await channel.end();
      await channel.receive();
      return true;
    };
    const tired = new AbortController();
    const silent = timers.sleep(tellPatienceMs, tired.signal).then(
      () => false,
      () => false,
    );
    try {
      return await Promise.race([tell(), silent]);
    } catch (error) {
      this.#options.onFailure(error);
      return false;
    } finally {
      tired.abort();
    }
  }

  view(peer: Peer): PairingView {
    const state = this.#options.links().state(peer.siteId);
    const detail = 'reason' in state && state.reason !== undefined ? `: ${state.reason.message}` : '';
    const both = peer.confirmedHere && peer.confirmedThere;
    return {
      peer: peer.name,
      siteId: Buffer.from(peer.siteId).toString('hex'),
      role: peer.role,
      state: peer.removed ? 'removed' : both ? 'paired' : peer.confirmedHere ? 'waiting_for_peer' : 'words',
      words: both ? [] : peer.words,
      fingerprint: siteFingerprint(peer.identityKey),
      addresses: peer.addresses,
      link: state.state === 'up' ? 'up' : state.state === 'stopped' ? 'none' : 'down',
      linkDetail: state.state === 'dialling' ? `dialling ${state.address}` : `${state.state}${detail}`,
    };
  }

  #checkInvitation(invitation: InvitationFields): void {
    if (invitation.purpose === invitationPurposes.agent) throw agentInvitation();
    if (invitation.expiresSeconds <= this.#options.clock.nowMs() / 1000) throw invitationExpired();
  }

  async #dial(invitation: InvitationFields): Promise<{ session: DoorSession; address: string }> {
    let failure: unknown;
    for (const address of invitation.addresses) {
      try {
        const session = await dialDoor(address, { psk: invitation.secret, purpose: 'pairing' }, this.#options.settings);
        return { session, address };
      } catch (error) {
        if (!isAppError(error)) throw error;
        failure = error;
      }
    }
    throw inviterUnreachable(invitation.addresses, failure);
  }

  #take(session: DoorSession, signed: Uint8Array, roles: PairRoles, reachedAt: readonly string[] = []): Peer {
    const introduction = checkIntroduction(signed, session.handshakeHash, session.remoteStatic);
    this.#checkNewcomer(introduction, roles);
    return this.#options.peers.put({
      ...roles,
      siteId: siteIdOf(introduction),
      name: introduction.name,
      identityKey: introduction.identityKey,
      secret: pairSecret(session.chainingKey, session.handshakeHash),
      // What the invitation led to comes first: a peer behind NAT does not know how it looks from outside.
      addresses: joinAddresses(reachedAt, introduction.addresses),
      addressesAreSet: false,
      words: sixWords(session.handshakeHash),
      confirmedHere: false,
      confirmedThere: false,
      joined: false,
      doorKey: introduction.doorKey,
      realmId: introduction.realmId,
      kitId: introduction.kitId,
      kitPublicKey: introduction.kitPublicKey,
      removed: false,
    });
  }

  /** Throws when this site and the one that introduced itself cannot be peers. */
  #checkNewcomer(introduction: Introduction, roles: PairRoles): void {
    const blind = roles.role === 'blind' || roles.ownRole === 'blind';
    checkJoining(this.#options.log.introduction(), introduction, blind ? 'blind' : 'full');
    const known = this.#options.peers.find(introduction.siteId);
    if (known?.joined) throw alreadyPaired(known.name);
    const sameName = this.#options.peers.all().find((peer) => peer.name === introduction.name);
    if (sameName !== undefined && !equalBytes(sameName.siteId, introduction.siteId)) throw nameTaken(introduction.name);
  }

  #takeAddresses(peer: Peer, addresses: readonly string[]): void {
    const fits = addresses.length > 0 && addresses.length <= 8 && addresses.every((address) => address.length <= 255);
    if (!fits || peer.addressesAreSet) return;
    const joined = joinAddresses(addresses, peer.addresses);
    if (joined.join() !== peer.addresses.join()) this.#options.peers.change(peer.siteId, { addresses: joined });
  }

  #confirmedThere(peer: Peer, link: Link): void {
    if (peer.confirmedThere) return;
    this.#options.peers.change(peer.siteId, { confirmedThere: true });
    if (peer.confirmedHere) this.announce(link).catch(this.#options.onFailure);
  }

  async #join(peer: Peer, share: NonNullable<PairMessage['keyring']>, link: Link): Promise<void> {
    if (!peer.confirmedHere || !peer.confirmedThere || peer.ownRole === 'blind') throw notPaired();
    const changed = isFullPair(peer) && this.#unite(peer, share.keyring);
    if (peer.joined) await this.#options.log.logKeyring();
    else {
      await this.#options.log.addMember(peer, share.memberStatement, share.countersignature);
      this.#options.onJoined(link, this.#options.peers.change(peer.siteId, { joined: true }));
      this.announce(link).catch(this.#options.onFailure);
    }
    if (changed) this.announceToAll().catch(this.#options.onFailure);
  }

  /** True when the keyring is another one now. */
  #unite(peer: Peer, keyring: Uint8Array): boolean {
    const [own, theirs] = [this.#options.keys.keyring, decodeKeyring(keyring)];
    const stays = peer.weInvited ? own.realmId : theirs.realmId;
    return this.#options.keys.change(peer.joined ? uniteKeyrings(own, theirs) : uniteKeyrings(own, theirs, stays));
  }

  /** This site is the blind one: it lends its disk, and keeps the owner's keyring sealed beside the owner's packs. */
  async #lend(peer: Peer, sealed: Uint8Array, link: Link): Promise<void> {
    if (!peer.confirmedHere || !peer.confirmedThere || peer.ownRole !== 'blind') throw notPaired();
    await this.#options.lend(peer, sealed);
    if (!peer.joined) this.#options.onJoined(link, this.#options.peers.change(peer.siteId, { joined: true }));
  }
}

/** The newest first; older ones stay at the end, for they may be the only ones that lead there from here. */
function joinAddresses(newer: readonly string[], older: readonly string[]): string[] {
  return [...new Set([...newer, ...older])].slice(0, 8);
}

/** True when both sides hold keys: keyrings and logs are shared whole. */
export function isFullPair(peer: Peer): boolean {
  return peer.role === 'full' && peer.ownRole === 'full';
}
