import { join } from 'node:path';
import type { SiteId } from '#model';
import { AppError, toHex } from '#runtime';
import type { PeerRole } from './operations.ts';
import { bytesIn, readStateFile, writeStateFile } from './state-file.ts';
import type { StatePaths } from './state-folder.ts';

/** How the trust in a peer ended. */
export interface PeerEnd {
  /**
   * Who ended it: this site's admin; the peer; another member of the realm, which removed the peer, or which removed this
   * site from it.
   */
  readonly by: 'here' | 'peer' | 'member_removed_peer' | 'member_removed_us';
  /** When this site did it, or learnt of it. */
  readonly atSeconds: number;
  /** Both ends had confirmed before. */
  readonly wasPaired: boolean;
  /** The peer heard of it as it happened. */
  readonly told: boolean;
  /** An admin has seen it, and wants to see it no more. */
  readonly dismissed: boolean;
}

/** Another appliance, as far as this one knows and trusts it. */
export interface Peer {
  readonly siteId: SiteId;
  readonly name: string;
  /** What the peer is to us. */
  readonly role: PeerRole;
  /** What we are to the peer: at most one of both is blind. */
  readonly ownRole: PeerRole;
  readonly identityKey: Uint8Array;
  /** PSK of the pair. */
  readonly secret: Uint8Array;
  readonly addresses: readonly string[];
  /** Set by this site's admin: what the peer says of its addresses does not change them. */
  readonly addressesAreSet: boolean;
  readonly words: readonly string[];
  readonly confirmedHere: boolean;
  readonly confirmedThere: boolean;
  /** True when this site invited: its realm id stays. */
  readonly weInvited: boolean;
  /** True when keyrings are united and the membership is logged. */
  readonly joined: boolean;
  /** Under which the peer knocks after a fire; empty for a blind peer's owner that gave none. */
  readonly doorKey: Uint8Array;
  readonly realmId: Uint8Array;
  /** The kit that was in force when the peer introduced itself. */
  readonly kitId: Uint8Array;
  readonly kitPublicKey: Uint8Array;
  readonly removed: boolean;
  /** Once it is removed. */
  readonly ended?: PeerEnd;
}

/** A peer that this site has removed and that comes back is told so for as long; then it is a stranger. */
const tellSeconds = 30 * 86_400;

/** With the lengths that each may have: a blind peer's owner may have given no door key. */
const bytesFields = {
  siteId: [16],
  identityKey: [32],
  secret: [32],
  doorKey: [0, 32],
  realmId: [16],
  kitId: [8],
  kitPublicKey: [32],
} as const;
const fieldNames = Object.keys(bytesFields) as (keyof typeof bytesFields)[];

/** The peers of a site, in one file that is replaced as a whole. */
export class PeerFile {
  readonly #file: string;
  #peers: readonly Peer[];

  constructor(paths: StatePaths) {
    this.#file = join(paths.secret, 'peers.json');
    this.#peers = readStateFile(this.#file, damagedAdvice, decode) ?? [];
  }

  all(): readonly Peer[] {
    return this.#peers.filter((peer) => !peer.removed);
  }

  /** Peers that both admins have confirmed. */
  paired(): readonly Peer[] {
    return this.all().filter((peer) => peer.confirmedHere && peer.confirmedThere);
  }

  /** Peers that are none any more, until an admin has dismissed them. */
  ended(): readonly Peer[] {
    return this.#peers.filter((peer) => peer.removed && peer.ended?.dismissed === false);
  }

  /** Peers that this site has removed, and that may not know it yet. */
  toBeTold(nowSeconds: number): readonly Peer[] {
    return this.#peers.filter(
      ({ removed, ended }) => removed && ended?.by === 'here' && ended.atSeconds + tellSeconds > nowSeconds,
    );
  }

  /** What this site remembers of one that was a peer. */
  findRemoved(siteId: Uint8Array): Peer | undefined {
    return this.#peers.find((peer) => peer.removed && toHex(peer.siteId) === toHex(siteId));
  }

  find(siteId: Uint8Array): Peer | undefined {
    return this.all().find((peer) => toHex(peer.siteId) === toHex(siteId));
  }

  /** By name or beginning of the site id; throws `peer_unknown` with the names there are. */
  named(name: string): Peer {
    const found = this.all().find((peer) => isCalled(peer, name));
    if (found !== undefined) return found;
    const names = this.all().map((peer) => peer.name);
    throw new AppError(`no peer is called "${name}"`, {
      code: 'peer_unknown',
      advice:
        names.length > 0
          ? `Choose one of: ${names.join(', ')}.`
          : 'Pair with another appliance first: "sitepair pair invite --help".',
    });
  }

  /** Adds or replaces one peer, durably. Throws `state_write_failed`: then all is as it was. */
  put(peer: Peer): Peer {
    const peers = [...this.#peers.filter((one) => toHex(one.siteId) !== toHex(peer.siteId)), peer];
    // Nobody hears of what the disk has refused: it would be gone after a restart.
    writeStateFile(this.#file, encode(peers));
    this.#peers = peers;
    return peer;
  }

  change(siteId: Uint8Array, change: Partial<Peer>): Peer {
    const peer = this.find(siteId);
    if (peer === undefined) throw new Error('bug: a peer that is not there is changed');
    return this.put({ ...peer, ...change });
  }

  /** Ends the trust in a peer, durably; undefined when it is none any more, since both ends may do it at once. */
  end(siteId: Uint8Array, how: Omit<PeerEnd, 'wasPaired' | 'dismissed'>): Peer | undefined {
    const peer = this.find(siteId);
    if (peer === undefined) return undefined;
    const wasPaired = peer.confirmedHere && peer.confirmedThere;
    // Who calls off what never was a pair has just seen it himself.
    const ended = { ...how, wasPaired, dismissed: how.by === 'here' && !wasPaired };
    return this.put({ ...peer, removed: true, ended });
  }

  /** Shows an ended pairing no more. False when there is none of this name. */
  dismiss(name: string): boolean {
    const peer = this.ended().find((one) => isCalled(one, name));
    if (peer?.ended === undefined) return false;
    this.put({ ...peer, ended: { ...peer.ended, dismissed: true } });
    return true;
  }
}

function isCalled(peer: Peer, name: string): boolean {
  return peer.name === name || (name.length >= 6 && toHex(peer.siteId).startsWith(name));
}

/** True when both sides hold keys: keyrings and logs are shared whole. */
export function isFullPair(peer: Peer): boolean {
  return peer.role === 'full' && peer.ownRole === 'full';
}

/** The newest first; older ones stay at the end, for they may be the only ones that lead there from here. */
export function joinAddresses(newer: readonly string[], older: readonly string[]): string[] {
  return [...new Set([...newer, ...older])].slice(0, 8);
}

const damagedAdvice =
  'Restore this file from a copy of the state folder; without one, remove it and pair with each peer again.';

function encode(peers: readonly Peer[]) {
  const plain = peers.map((peer) => ({
    ...peer,
    ...Object.fromEntries(fieldNames.map((field) => [field, toHex(peer[field])])),
  }));
  return { peers: plain };
}

function decode(content: Readonly<Record<string, unknown>>): Peer[] {
  const peers = content.peers as Record<string, unknown>[];
  return peers.map((plain) => {
    const bytes = Object.fromEntries(fieldNames.map((field) => [field, bytesIn(plain, field, bytesFields[field])]));
    return { ...plain, ...bytes } as unknown as Peer;
  });
}
