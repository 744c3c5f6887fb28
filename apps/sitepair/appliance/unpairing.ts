import type { Catalog } from '#catalog';
import type { SiteId } from '#model';
import { equalBytes, toHex } from '#runtime';
import type { Links } from './links.ts';
import type { MembershipLog } from './pairing.ts';
import { pairingEnded } from './pairing-errors.ts';
import { isFullPair, type Peer, type PeerEnd, type PeerFile } from './peers.ts';

export interface UnpairingOptions {
  readonly peers: PeerFile;
  readonly log: Pick<MembershipLog, 'removeMember'>;
  readonly realm: Pick<Catalog['views'], 'removedSites' | 'removersOf'>;
  readonly ownSiteId: SiteId;
  readonly links: () => Pick<Links, 'link' | 'drop'>;
  readonly nowSeconds: () => number;
  /** A new data key for whoever is left: what is sealed from now on is not for a site that has left with all there were. */
  readonly rotateDataKey: () => Promise<unknown>;
  readonly onFailure: (error: unknown) => void;
}

/** How the trust between two appliances ends, and that everything ends with it at once: PROTOCOL.md section 6. */
export class Unpairing {
  readonly #options: UnpairingOptions;
  /** Those whose removal is on its way into the log. */
  readonly #removing = new Set<string>();

  constructor(options: UnpairingOptions) {
    this.#options = options;
  }

  /**
   * Ends the trust in a peer; of one that is a peer no more, ends that it is shown. What the peer had it can still read; new
   * keys never reach it.
   */
  async remove(name: string): Promise<{ readonly warnings: readonly string[] }> {
    const { peers, log, links } = this.#options;
    if (!peers.all().some((peer) => peer.name === name) && peers.dismiss(name)) return { warnings: [] };
    const peer = peers.named(name);
    const told = links().link(peer.siteId) !== undefined;
    this.#removing.add(toHex(peer.siteId));
    try {
      // The log first: should this be cut short, what it says is followed at the next start.
      if (isMember(peer)) await log.removeMember(peer);
      await this.#end(peer, 'here', told);
    } finally {
      this.#removing.delete(toHex(peer.siteId));
    }
    const untold = told ? [] : [`${peer.name} could not be told now: it is told when it next dials this site.`];
    const kept = isFullPair(peer)
      ? [
          `${peer.name} keeps the keys and copies it had until now and can still read them; data keys made from now on never reach it.`,
        ]
      : [];
    return { warnings: [...untold, ...kept] };
  }

  /** The peer has said that it is one no more. */
  async endedThere(siteId: Uint8Array): Promise<void> {
    const peer = this.#options.peers.find(siteId);
    if (peer !== undefined) await this.#end(peer, 'peer', true);
  }

  /** The catalog has changed: whoever is no member any more is no peer any more, in this very turn. */
  followRealm(): void {
    const { peers, realm, ownSiteId, onFailure } = this.#options;
    const removed = new Set(realm.removedSites().map(toHex));
    if (removed.size === 0) return;
    const isOut = removed.has(toHex(ownSiteId));
    const removers = isOut ? realm.removersOf(ownSiteId) : [];
    for (const peer of peers.all().filter(isMember)) {
      if (this.#removing.has(toHex(peer.siteId)) || !(isOut || removed.has(toHex(peer.siteId)))) continue;
      const didIt = removers.some((siteId) => equalBytes(siteId, peer.siteId));
      const by = isOut ? (didIt ? 'peer' : 'member_removed_us') : 'member_removed_peer';
      this.#end(peer, by, true).catch(onFailure);
    }
  }

  /** The trust first, then the link with all that runs over it, in one turn; what takes longer comes after. */
  async #end(peer: Peer, by: PeerEnd['by'], told: boolean): Promise<void> {
    const { peers, links, nowSeconds, rotateDataKey } = this.#options;
    if (peers.end(peer.siteId, { by, told, atSeconds: nowSeconds() }) === undefined) return;
    const dropped = links().drop(peer.siteId, pairingEnded());
    // Whom another member has removed, that one's new key keeps out. Whoever lost all at once needs one key, not one for each.
    const othersFollow = by !== 'here' && this.#isOut() && peers.all().some(isMember);
    if (isMember(peer) && by !== 'member_removed_peer' && !othersFollow) await rotateDataKey();
    await dropped;
  }

  #isOut(): boolean {
    const { realm, ownSiteId } = this.#options;
    return realm.removedSites().some((siteId) => equalBytes(siteId, ownSiteId));
  }
}

/** A site that holds the keys of this realm. */
function isMember(peer: Peer): boolean {
  return peer.joined && isFullPair(peer);
}
