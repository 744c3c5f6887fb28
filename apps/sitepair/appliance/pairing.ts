import { decodeKeyring, encodeKeyring, isVoided } from '#keys';
import type { Link } from '#link';
import type { MessageChannel } from '#replication';
import { equalBytes, isAppError, type Timers } from '#runtime';
import { codecOf } from '#wire';
import type { Introduction } from './introduction.ts';
import type { Links } from './links.ts';
import { noAnswer, notPaired } from './pairing-errors.ts';
import { isFullPair, joinAddresses, type Peer, type PeerFile } from './peers.ts';
import type { RealmKeys } from './realm-keys.ts';

/** What pairing asks of the catalog. */
export interface MembershipLog {
  /** This site's introduction, but for what the handshake decides. */
  introduction(): Introduction;
  /** The statement by which `peer` adds this site, and this site's signature over it. */
  countersign(peer: Peer): { readonly statement: Uint8Array; readonly countersignature: Uint8Array };
  /** Checks the peer's statement about itself and logs it as a member, with the keyring now held. Durable when it resolves. */
  addMember(peer: Peer, statement: Uint8Array, countersignature: Uint8Array): Promise<void>;
  /** Logs what a member says of itself now, when that is not in the log yet. */
  renewMember(peer: Peer, statement: Uint8Array, countersignature: Uint8Array): Promise<void>;
  removeMember(peer: Peer): Promise<void>;
  /** Logs which keyring this site holds, when that has changed. */
  logKeyring(): Promise<void>;
  /** With which this site would knock after a fire. */
  doorKit(): DoorMessage;
}

/** The door key of a site, and the kit that it comes from. */
interface DoorMessage {
  readonly doorKey: Uint8Array;
  readonly kitId: Uint8Array;
  readonly kitPublicKey: Uint8Array;
}

interface PairMessage {
  confirmed?: object | null;
  keyring?: { keyring: Uint8Array; memberStatement: Uint8Array; countersignature: Uint8Array } | null;
  reachable?: { addresses: string[] } | null;
  sealedKeyring?: { sealed: Uint8Array } | null;
  door?: DoorMessage | null;
}

/** What a peer may take to answer an announcement: it has a keyring to write and an entry to log. */
const answerMsMax = 20_000;

/** Between announcements that were refused for now. */
const firstPauseMs = 1000;
const longestPauseMs = 60_000;

const pairCodec = codecOf<PairMessage>('pairing.proto', 'sitepair.pairing.v1.PairMessage');

export interface PairingOptions {
  readonly timers: Timers;
  readonly peers: PeerFile;
  readonly keys: RealmKeys;
  readonly log: MembershipLog;
  readonly links: () => Links;
  /** The sealed keyring of this realm, for blind peers to keep. */
  readonly sealedKeyring: () => Uint8Array;
  /** Makes room for a peer to which this site is blind, and keeps its sealed keyring there. */
  readonly lend: (peer: Peer, sealedKeyring: Uint8Array) => Promise<void>;
  /** Both are members now: catalogs and copies may flow. */
  readonly onJoined: (link: Link, peer: Peer) => void;
  /** Learns of failures on channels that nobody waits for. */
  readonly onFailure: (error: unknown) => void;
}

/** What the two ends of a pair tell each other, and what follows from it: PROTOCOL.md section 6. Every step may be repeated. */
export class Pairing {
  readonly #options: PairingOptions;
  /** Links on which it is told again after a refusal. */
  readonly #againOn = new WeakSet<Link>();

  constructor(options: PairingOptions) {
    this.#options = options;
  }

  /** This end's admin has compared the words. */
  async confirm(name: string): Promise<Peer> {
    const peer = this.#options.peers.named(name);
    const confirmed = this.#options.peers.change(peer.siteId, { confirmedHere: true });
    const link = this.#options.links().link(peer.siteId);
    if (link !== undefined) await this.announce(link);
    return this.#options.peers.find(peer.siteId) ?? confirmed;
  }

  /** Tells the peer where this end stands: called when a link is up, and after every change. */
  async announce(link: Link): Promise<void> {
    const peer = this.#options.peers.find(link.peer.siteId);
    if (peer === undefined || !peer.confirmedHere) return;
    const channel = await link.open('pair', 'control');
    const deadline = this.#options.timers.after(answerMsMax, () => channel.abort(noAnswer(peer.name)));
    try {
      await this.#announceOn(channel, peer);
    } finally {
      deadline.cancel();
    }
  }

  /**
   * Announces where nobody waits for the answer. Resolves after the first try; while the other end or this one cannot do its
   * part for now (a full disk, say), it is told again, ever more rarely, for as long as the link lives.
   */
  async announceUntilTaken(link: Link): Promise<void> {
    if ((await this.#announceNow(link)) || this.#againOn.has(link)) return;
    // Each try tells all that there is to tell by then: one that goes on is enough for a link.
    this.#againOn.add(link);
    const ended = new AbortController();
    link.closed.then((reason) => ended.abort(reason));
    void this.#announceAgain(link, ended.signal).finally(() => this.#againOn.delete(link));
  }

  async #announceAgain(link: Link, ended: AbortSignal): Promise<void> {
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
      await this.#options.timers.sleep(pauseMs, ended).catch(() => undefined);
      if (ended.aborted || (await this.#announceNow(link))) return;
    }
  }

  /** False when it is worth trying again. */
  async #announceNow(link: Link): Promise<boolean> {
    try {
      await this.announce(link);
      return true;
    } catch (error) {
      this.#options.onFailure(error);
      return !isAppError(error) || !error.retryable;
    }
  }

  async #announceOn(channel: MessageChannel, peer: Peer): Promise<void> {
    await channel.send(pairCodec.encode({ confirmed: {} }));
    await channel.send(pairCodec.encode({ reachable: { addresses: this.#options.log.introduction().addresses } }));
    if (peer.confirmedThere) await channel.send(pairCodec.encode({ door: this.#options.log.doorKit() }));
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
    const { peers, links } = this.#options;
    const up = peers.paired().flatMap((peer) => links().link(peer.siteId) ?? []);
    await Promise.all(up.map((link) => this.announceUntilTaken(link)));
  }

  /** Logs the keyring that is held now, and gives it to everybody. */
  async shareKeyring(): Promise<void> {
    await this.#options.log.logKeyring();
    await this.announceToAll();
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
      else if (message.door) this.#takeDoor(peer, message.door);
    }
  }

  #takeAddresses(peer: Peer, addresses: readonly string[]): void {
    const fits = addresses.length > 0 && addresses.length <= 8 && addresses.every((address) => address.length <= 255);
    if (!fits || peer.addressesAreSet) return;
    const joined = joinAddresses(addresses, peer.addresses);
    if (joined.join() !== peer.addresses.join()) this.#options.peers.change(peer.siteId, { addresses: joined });
  }

  /** The peer has a new recovery kit: it will knock with that one. A kit that is void here is none. */
  #takeDoor(peer: Peer, { doorKey, kitId, kitPublicKey }: DoorMessage): void {
    const fits = doorKey.length === 32 && kitId.length === 8 && kitPublicKey.length === 32;
    if (!fits || isVoided(this.#options.keys.keyring, { kitId, siteId: peer.siteId })) return;
    if (equalBytes(doorKey, peer.doorKey) && equalBytes(kitPublicKey, peer.kitPublicKey)) return;
    this.#options.peers.change(peer.siteId, { doorKey, kitId, kitPublicKey });
  }

  #confirmedThere(peer: Peer, link: Link): void {
    if (peer.confirmedThere) return;
    this.#options.peers.change(peer.siteId, { confirmedThere: true });
    if (peer.confirmedHere) void this.announceUntilTaken(link);
  }

  async #join(peer: Peer, share: NonNullable<PairMessage['keyring']>, link: Link): Promise<void> {
    if (!peer.confirmedHere || !peer.confirmedThere || peer.ownRole === 'blind') throw notPaired();
    const changed = isFullPair(peer) && this.#unite(peer, share.keyring);
    if (peer.joined) {
      await this.#options.log.renewMember(peer, share.memberStatement, share.countersignature);
      await this.#options.log.logKeyring();
    } else {
      await this.#options.log.addMember(peer, share.memberStatement, share.countersignature);
      this.#options.onJoined(link, this.#options.peers.change(peer.siteId, { joined: true }));
      void this.announceUntilTaken(link);
    }
    if (changed) this.announceToAll().catch(this.#options.onFailure);
  }

  /** True when the keyring is another one now. */
  #unite(peer: Peer, keyring: Uint8Array): boolean {
    const [own, theirs] = [this.#options.keys.keyring, decodeKeyring(keyring)];
    const stays = peer.weInvited ? own.realmId : theirs.realmId;
    return this.#options.keys.unite(theirs, peer.joined ? undefined : stays);
  }

  /** This site is the blind one: it lends its disk, and keeps the owner's keyring sealed beside the owner's packs. */
  async #lend(peer: Peer, sealed: Uint8Array, link: Link): Promise<void> {
    if (!peer.confirmedHere || !peer.confirmedThere || peer.ownRole !== 'blind') throw notPaired();
    await this.#options.lend(peer, sealed);
    if (!peer.joined) this.#options.onJoined(link, this.#options.peers.change(peer.siteId, { joined: true }));
  }
}
