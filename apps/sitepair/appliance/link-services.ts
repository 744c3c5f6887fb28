import { type Catalog, type Scope, syncCatalog } from '#catalog';
import type { Channel, Link } from '#link';
import { type RecordStore, type SnapshotReceiver, serveFetches } from '#replication';
import type { BlindVaults } from './blind-vault.ts';
import { type LineTestReceiver, lineTestBulkService, lineTestService } from './line-test-receiver.ts';
import type { LinkHealth } from './link-health.ts';
import { healthService } from './link-health-notes.ts';
import type { Pairing } from './pairing.ts';
import { notPaired } from './pairing-errors.ts';
import type { Peer, PeerFile } from './peers.ts';
import type { Shaping } from './shaping.ts';
import { limitsService } from './shaping-wire.ts';

/** What of this site a peer has to do with: its own realm, or the vault that it lends to the peer's. */
export interface SharedPart {
  readonly catalog: Catalog;
  readonly scope: Scope | undefined;
  readonly store: RecordStore;
  readonly receiver: SnapshotReceiver;
  /** Called when a peer has shown that it holds nothing of this site's own log that is not held here. */
  readonly onHeard?: () => void;
}

export interface LinkServicesOptions {
  readonly peers: PeerFile;
  readonly pairing: Pairing;
  readonly own: Omit<SharedPart, 'scope'>;
  readonly vaults: BlindVaults;
  readonly shaping: Shaping;
  readonly health: LinkHealth;
  readonly lineTests: LineTestReceiver;
}

/** What peers may ask of this site; who has not joined yet may only speak of the pairing. */
export class LinkServices {
  readonly #options: LinkServicesOptions;

  constructor(options: LinkServicesOptions) {
    this.#options = options;
  }

  /** Registers everything in the turn in which a link is there; each channel is judged when it is opened. */
  serve(link: Link): void {
    const { siteId } = link.peer;
    const serve = (service: string, work: (channel: Channel, part: SharedPart, peer: Peer) => Promise<void>) =>
      link.serve(service, async (channel) => {
        const peer = this.#options.peers.find(siteId);
        if (peer === undefined || !peer.joined) throw notPaired();
        await work(channel, await this.partFor(peer), peer);
      });
    link.serve('pair', (channel) => this.#options.pairing.serve(channel, link));
    serve('catalog', (channel, { catalog, scope, onHeard }) => syncCatalog(catalog, channel, { scope, onHeard }));
    serve('fetch', (channel, { store }) => serveFetches(channel, store, () => undefined));
    serve(limitsService, (channel, _part, peer) => this.#options.shaping.take(channel, peer));
    serve(healthService, (channel, _part, peer) => this.#options.health.take(channel, peer));
    serve(lineTestService, (channel) => this.#options.lineTests.serve(channel, siteId));
    serve(lineTestBulkService, (channel) => this.#options.lineTests.serveBulk(channel, siteId));
    serve('records', (channel, { receiver }) => receiver.serveRecords(channel));
    serve('replicate', async (channel, { receiver }, peer) => {
      // A blind peer cannot have anything that its owner lacks, and must not be believed if it says so.
      if (peer.role === 'blind') throw notPaired();
      await receiver.serve(channel, peer.siteId);
    });
  }

  async partFor(peer: Peer): Promise<SharedPart> {
    if (peer.ownRole === 'blind') {
      const vault = await this.#options.vaults.of(peer);
      vault.admit(peer);
      const { catalog, store, receiver } = vault;
      return { catalog, store, receiver, scope: undefined };
    }
    const { own } = this.#options;
    return { ...own, scope: peer.role === 'blind' ? own.catalog.scopeFor(peer.siteId, 'blind') : undefined };
  }
}
