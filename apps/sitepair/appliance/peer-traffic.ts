import type { Link } from '#link';
import type { Timers } from '#runtime';
import { followCatalog } from './follow-catalog.ts';
import type { LinkServices } from './link-services.ts';
import type { Links } from './links.ts';
import type { Pairing } from './pairing.ts';
import type { Peer, PeerFile } from './peers.ts';
import type { Replicator } from './replicator.ts';
import type { Shaping } from './shaping.ts';

export interface PeerTrafficOptions {
  readonly peers: PeerFile;
  readonly links: () => Links;
  readonly pairing: Pairing;
  readonly services: LinkServices;
  readonly shaping: Shaping;
  readonly replicator: () => Replicator;
  readonly timers: Timers;
  /** Learns of failures of what nobody waits for. */
  readonly onFailure: (error: unknown, doing: string) => void;
}

/** What this site gives its peers of its own accord: where the pairing stands, the catalog, what they lack. */
export class PeerTraffic {
  readonly #options: PeerTrafficOptions;

  constructor(options: PeerTrafficOptions) {
    this.#options = options;
  }

  /** A link is up. */
  begin(link: Link, peer: Peer): void {
    this.#settle(link, peer).catch((error) => this.#options.onFailure(error, `settling with ${peer.name}`));
  }

  /** Keeps the catalogs agreeing for as long as the link lives. */
  follow(link: Link, peer: Peer): void {
    const { services, timers, shaping, onFailure } = this.#options;
    shaping.follow(link, peer);
    const follow = async () => {
      const part = await services.partFor(peer);
      await followCatalog(part, link, timers, () => this.#send(peer));
    };
    follow().catch((error) => onFailure(error, `following the catalog of ${peer.name}`));
  }

  /** Something is new here: every peer that can be reached gets what it lacks. */
  nudgeAll(): void {
    const { peers, links } = this.#options;
    for (const peer of peers.paired()) {
      if (peer.joined && links().link(peer.siteId) !== undefined) this.#send(peer);
    }
  }

  /** What two appliances do first: say where the pairing stands, make the catalogs agree, send what is lacking. */
  async #settle(link: Link, peer: Peer): Promise<void> {
    const { pairing, peers } = this.#options;
    // A peer that does not take in what it is told may still be behind: the catalog goes on.
    await pairing.announceUntilTaken(link);
    const known = peers.find(peer.siteId);
    if (known?.joined) this.follow(link, known);
  }

  /** A site that is blind for a peer has nothing of its own to give it. */
  #send(peer: Peer): void {
    if (peer.ownRole === 'full') this.#options.replicator().nudge(peer);
  }
}
