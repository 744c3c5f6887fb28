import type { Channel, Link } from '#link';
import { type Clock, isAppError, type Timer, type Timers, toHex } from '#runtime';
import {
  type LimitInForce,
  type LinkShaper,
  limitAt,
  nextChange,
  type Shaper,
  type ShaperReadings,
  type TrafficClass,
  unlimited,
} from '#shaper';
import { limitsLookMs } from './limits.ts';
import type { Peer, PeerFile } from './peers.ts';
import { type Sender, shareDownlink } from './shaping-downlink.ts';
import { type Direction, type LimitRules, noRules, type ShapingFile } from './shaping-file.ts';
import { LimitTeller, takeLimits } from './shaping-wire.ts';

/** How often the shares of several peers that send here are compared with what they use. */
const shareEveryMs = 1000;

const tellAgainMs = 2000;

export interface ShapingOptions {
  readonly file: ShapingFile;
  readonly shaper: Shaper;
  readonly peers: PeerFile;
  readonly clock: Clock;
  readonly timers: Timers;
  /** The IANA name of the site's time zone. */
  readonly timeZone: string;
  readonly onFailure: (error: unknown, peer: string) => void;
}

interface LiveLink {
  readonly link: Link;
  readonly peer: Peer;
  readonly teller: LimitTeller;
  receivedBytes: number;
  receivedPerSecond: number;
}

/** The rules of this site, applied: to what it sends, through the shaper; to what it takes in, by telling who sends. */
export class Shaping {
  readonly #options: ShapingOptions;
  readonly #live = new Map<string, LiveLink>();
  #timer: Timer | undefined;
  #shareTimer: Timer | undefined;
  #closed = false;

  constructor(options: ShapingOptions) {
    this.#options = options;
    this.apply();
  }

  /** For links: the limits of the one to this peer. Agents stand in this site's own network as a rule, and are not limited. */
  of(siteId: Uint8Array): LinkShaper {
    return this.#options.peers.find(siteId) === undefined ? unlimited : this.#options.shaper.link(siteId);
  }

  /** What is in force for a peer: this site's rules for its link, and what the peer takes in. */
  inForce(siteId: Uint8Array): LimitInForce {
    return this.#options.shaper.link(siteId).limit;
  }

  classOf(dataset: string): TrafficClass {
    return this.#options.file.rules.classes[dataset] ?? 'backup';
  }

  /** What went, what waits and what for. */
  readings(): ShaperReadings {
    return this.#options.shaper.readings();
  }

  get timeZone(): string {
    return this.#options.timeZone;
  }

  /** What this site's own rules say now for a scope ("all", or a site id in hexadecimal) and a direction. */
  ruled(scope: string, direction: Direction): LimitInForce {
    return limitAt({ ...this.#rules(scope, direction), timeZone: this.timeZone }, this.#now());
  }

  /** The rules or the time have changed. In force when it returns; peers hear of theirs a moment later. */
  apply(): void {
    const { shaper, peers, timers } = this.#options;
    if (this.#closed) return;
    shaper.setUplinkLimit(this.ruled('all', 'up'));
    for (const { siteId } of peers.all()) shaper.link(siteId).setLimit('rules', this.ruled(toHex(siteId), 'up'));
    this.#share();
    this.#timer?.cancel();
    this.#timer = timers.after(this.#untilNextMs(), () => this.apply());
  }

  /** A link is up: its peer hears what this site takes in, for as long as it lives. */
  follow(link: Link, peer: Peer): void {
    const key = toHex(peer.siteId);
    if (this.#live.get(key)?.link === link) return;
    const teller = new LimitTeller(link);
    this.#live.set(key, { link, peer, teller, receivedBytes: link.wire().receivedBytes, receivedPerSecond: 0 });
    void link.closed.then(() => {
      if (this.#live.get(key)?.link !== link) return;
      this.#live.delete(key);
      this.#share();
    });
    this.apply();
  }

  /** Takes what a peer says that it takes in. */
  take(channel: Channel, peer: Peer): Promise<void> {
    return takeLimits(channel, (limit) => this.#options.shaper.link(peer.siteId).setLimit('peer', limit));
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#shareTimer?.cancel();
    this.#options.shaper.close();
  }

  #rules(scope: string, direction: Direction): LimitRules {
    return this.#options.file.rules.limits[`${scope} ${direction}`] ?? noRules;
  }

  #now(): Temporal.Instant {
    return Temporal.Instant.fromEpochMilliseconds(Math.floor(this.#options.clock.nowMs()));
  }

  #untilNextMs(): number {
    const now = this.#now();
    const changes = Object.values(this.#options.file.rules.limits).flatMap((rules) => {
      const next = nextChange({ ...rules, timeZone: this.timeZone }, now);
      return next === undefined ? [] : [next.epochMilliseconds - now.epochMilliseconds];
    });
    return Math.max(1, Math.min(limitsLookMs, ...changes));
  }

  /** Tells each peer its part of what this site takes in: first who gets less, so that together they never get too much. */
  #share(): void {
    if (this.#closed) return;
    const live = [...this.#live.values()];
    const all = this.ruled('all', 'down').bytesPerSecond;
    const senders = live.map(
      ({ peer, teller, receivedPerSecond }): Sender => ({
        limitBytesPerSecond: this.ruled(toHex(peer.siteId), 'down').bytesPerSecond,
        toldBytesPerSecond: teller.toldBytesPerSecond,
        receivedBytesPerSecond: receivedPerSecond,
      }),
    );
    const shares = shareDownlink(all, senders);
    const isLess = live.map(({ teller }, index) => shares[index]! < teller.toldBytesPerSecond);
    const tell = (less: boolean) =>
      Promise.all(live.map((one, index) => (isLess[index] === less ? this.#tell(one, shares[index]!) : undefined)));
    void tell(true).then(() => tell(false));
    if (live.length > 1 && all !== Number.POSITIVE_INFINITY) {
      this.#shareTimer ??= this.#options.timers.after(shareEveryMs, () => {
        this.#shareTimer = undefined;
        this.#measure();
        this.#share();
      });
    }
  }

  #measure(): void {
    for (const one of this.#live.values()) {
      const { receivedBytes } = one.link.wire();
      one.receivedPerSecond = ((receivedBytes - one.receivedBytes) * 1000) / shareEveryMs;
      one.receivedBytes = receivedBytes;
    }
  }

  async #tell({ link, peer, teller }: LiveLink, bytesPerSecond: number): Promise<void> {
    try {
      await teller.tell(bytesPerSecond);
    } catch (error) {
      // A link that has ended is told of elsewhere, and hears its limit when it is up again.
      if (this.#closed || this.#live.get(toHex(peer.siteId))?.link !== link) return;
      teller.forget();
      // The peer may be a moment behind with the pairing.
      if (isAppError(error, 'not_paired')) this.#options.timers.after(tellAgainMs, () => this.#share());
      else this.#options.onFailure(error, peer.name);
    }
  }
}
