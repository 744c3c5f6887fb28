import type { Link } from '#link';
import type { Timers } from '#runtime';
import type { Links } from './links.ts';
import { type MembershipLog, pairCodec } from './pairing.ts';
import { notPaired } from './pairing-errors.ts';
import { isFullPair, type PeerFile } from './peers.ts';

export interface UnpairingOptions {
  readonly timers: Timers;
  readonly peers: PeerFile;
  readonly log: MembershipLog;
  readonly links: () => Links;
  /** Learns why a peer could not be told. */
  readonly onFailure: (error: unknown) => void;
}

/** How long a removal waits for the peer to say that it has heard. */
const tellPatienceMs = 5000;

/** How the trust between two appliances ends. */
export class Unpairing {
  readonly #options: UnpairingOptions;

  constructor(options: UnpairingOptions) {
    this.#options = options;
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
    const { timers } = this.#options;
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
}
