import { join } from 'node:path';
import { type EndLoad, HealthHistory, type LinkEvent } from '#health';
import type { Channel, Link } from '#link';
import { type Clock, isAppError, type Timer, type Timers, toHex } from '#runtime';
import type { ShaperReadings } from '#shaper';
import { healthLookMs } from './limits.ts';
import { HealthTeller, type PeerNote, takeHealthNotes } from './link-health-notes.ts';
import { LinkSampler } from './link-health-sampler.ts';
import type { Links } from './links.ts';
import type { DiskWaits } from './measured-volumes.ts';
import { OwnLoad } from './own-load.ts';
import type { Peer, PeerFile } from './peers.ts';
import type { Replicator } from './replicator.ts';

export interface LinkHealthOptions {
  readonly root: string;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly disk: DiskWaits;
  readonly peers: PeerFile;
  readonly links: () => Links;
  readonly readings: () => ShaperReadings;
  readonly replicator: () => Replicator;
  readonly pendingCount: (peer: Peer) => number;
  readonly onFailure: (error: unknown) => void;
}

/** What is known of one link since this process runs. */
interface Watched {
  readonly sampler: LinkSampler;
  link: Link | undefined;
  teller: HealthTeller | undefined;
  note: PeerNote | undefined;
  pending: number;
  wasRunning: boolean;
}

/** A kill loses as much history; each is one small transaction. */
const flushEveryLooks = 5;
/** Who gets on with a session tells its peer as often; without one there is nothing to judge. */
const tellEveryLooks = 3;
/** Walks over the catalog: what is new begins to run at once, and is seen by that. */
const pendingEveryLooks = 60;
/** Bytes that came in between two notes while somebody sends. */
const receivingBytesPerSecond = 16 * 1024;

/** Looks at every link once a second, keeps what it sees, and tells peers that send here how busy this end is. */
export class LinkHealth implements AsyncDisposable {
  readonly #options: LinkHealthOptions;
  readonly #watched = new Map<string, Watched>();
  readonly #load: OwnLoad;
  #history: HealthHistory | undefined;
  #timer: Timer | undefined;
  #looks = 0;
  #isClosed = false;
  /** The code of what was in the way last, told once until it is over. */
  #told: string | undefined;

  constructor(options: LinkHealthOptions) {
    this.#options = options;
    this.#load = new OwnLoad(options.clock, options.disk);
  }

  start(): void {
    this.#timer = this.#options.timers.after(healthLookMs, () => this.#tick());
  }

  /** Opened when it is first needed. Throws `health_write_failed`. */
  get history(): HealthHistory {
    this.#history ??= HealthHistory.open(join(this.#options.root, 'health'));
    return this.#history;
  }

  /** The newest events of the link to a peer, newest first; none while the history cannot be read, which is told. */
  events(peer: Peer, countMax: number): readonly LinkEvent[] {
    let events: readonly LinkEvent[] = [];
    this.#keeping(() => {
      events = this.history.events(peer.siteId, countMax);
    });
    return events;
  }

  watched(peer: Peer): Readonly<Watched> {
    const key = toHex(peer.siteId);
    let watched = this.#watched.get(key);
    if (watched === undefined) {
      watched = {
        sampler: new LinkSampler(),
        link: undefined,
        teller: undefined,
        note: undefined,
        pending: 0,
        wasRunning: false,
      };
      this.#watched.set(key, watched);
    }
    return watched;
  }

  /** Takes what a peer says of itself. */
  take(channel: Channel, peer: Peer): Promise<void> {
    return takeHealthNotes(channel, (load, wallMs) => {
      const watched: Watched = this.watched(peer);
      watched.note = { load, wallMs, atMs: this.#options.clock.monotonicMs() };
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    try {
      await this.#history?.[Symbol.asyncDispose]();
    } catch (error) {
      // A few seconds of figures; nothing else of the appliance waits for them.
      this.#options.onFailure(error);
    }
  }

  #tick(): void {
    this.#keeping(() => {
      this.#lookAtAll();
      if (this.#looks % flushEveryLooks !== 0) return;
      this.#history?.flush();
      this.#told = undefined;
    });
    if (!this.#isClosed) this.start();
  }

  /** What is in the way of the history is told once, and not every second. */
  #keeping(work: () => void): void {
    try {
      work();
    } catch (error) {
      const code = isAppError(error) ? error.code : String(error);
      if (code !== this.#told) this.#options.onFailure(error);
      this.#told = code;
    }
  }

  #lookAtAll(): void {
    const { clock, peers, readings } = this.#options;
    const own = this.#load.look();
    const { links, uplink } = readings();
    const second = Math.floor(clock.nowMs() / 1000);
    for (const peer of peers.paired()) {
      const shaped = links.find(({ peerSiteId }) => toHex(peerSiteId) === toHex(peer.siteId));
      if (!peer.joined || shaped === undefined) continue;
      const watched: Watched = this.watched(peer);
      this.#followLink(peer, watched, second);
      const isRunning = this.#options.replicator().isRunning(peer.siteId);
      if (this.#looks % pendingEveryLooks === 0 || (watched.wasRunning && !isRunning)) {
        watched.pending = this.#options.pendingCount(peer);
      }
      watched.wasRunning = isRunning;
      const counts = watched.sampler.look({
        nowMs: clock.monotonicMs(),
        link: watched.link,
        shaped,
        limitBytesPerSecond: Math.min(shaped.limit.bytesPerSecond, uplink.limit.bytesPerSecond),
        hasBacklog: isRunning || watched.pending > 0,
        acknowledged: this.#options.replicator().answers(peer.siteId),
        own,
        peer: watched.note,
      });
      if (counts !== undefined) this.history.add(peer.siteId, second, counts);
      if (this.#looks % tellEveryLooks === 0) this.#tell(watched, own);
    }
    this.#looks += 1;
  }

  #followLink(peer: Peer, watched: Watched, second: number): void {
    const { links, clock } = this.#options;
    const link = links().link(peer.siteId);
    if (link === watched.link) return;
    watched.link = link;
    watched.note = undefined;
    watched.teller = link && new HealthTeller(link);
    if (link === undefined) return;
    this.history.note(peer.siteId, { at: second, what: 'up', detail: '' });
    void link.closed.then(({ message, code }) => {
      // Of two links that were dialled at once one goes: nothing was cut.
      if (this.#isClosed || code === 'link_superseded') return;
      const at = Math.floor(clock.nowMs() / 1000);
      this.#keeping(() => {
        this.history.note(peer.siteId, { at, what: 'cut', detail: message });
        this.history.add(peer.siteId, at, { cuts: 1 });
      });
    });
  }

  #tell({ teller, sampler }: Watched, own: EndLoad): void {
    if (teller === undefined || sampler.rates.received < receivingBytesPerSecond) return;
    teller.tell(own, this.#options.clock.nowMs()).catch((error) => {
      // A peer that does not take notes yet, or a link that has just ended, is no failure.
      if (!isAppError(error)) this.#options.onFailure(error);
    });
  }
}
