import {
  type Bottleneck,
  bottleneckOf,
  countedClasses,
  type EndLoad,
  type HealthCounts,
  StallWatch,
  stalledAfterMs,
} from '#health';
import type { Link } from '#link';
import type { LinkReading } from '#shaper';
import type { PeerNote } from './link-health-notes.ts';

/** What is seen of one link at a look. */
export interface LinkLook {
  readonly nowMs: number;
  readonly link: Link | undefined;
  readonly shaped: LinkReading;
  /** The uplink's limit holds the link, too. */
  readonly limitBytesPerSecond: number;
  readonly hasBacklog: boolean;
  /** Grows with each answer of the peer to a replication. */
  readonly acknowledged: number;
  readonly own: EndLoad;
  readonly peer: PeerNote | undefined;
}

/** One look, as figures of the time since the one before. */
interface Sample {
  readonly seconds: number;
  readonly sentBytes: number;
  readonly receivedBytes: number;
  readonly classBytes: readonly number[];
  readonly heldByLimitMs: number;
  readonly heldByLineMs: number;
  readonly hasUnsent: boolean;
  readonly own: EndLoad;
  readonly roundTripMs: number | undefined;
}

/** Looks are judged over as long: a cause is named within twice that, and one odd second names none. */
const windowSamples = 5;
/** More than heartbeats and the catalog need in a second: the round trip is then one under load. */
const loadedBytesPerSecond = 64 * 1024;
/** More than what a connection that keeps up has in its queue at a look. */
const unsentBytesMin = 32 * 1024;
/** An older word of the peer says nothing about now. */
const peerNoteMsMax = 12_000;

/** Turns looks at one link, about one a second, into counts for the history and a bottleneck for people. */
export class LinkSampler {
  readonly #stall = new StallWatch();
  #link: Link | undefined;
  #atMs: number | undefined;
  #sentBytes = 0;
  #receivedBytes = 0;
  #resentSegments = 0;
  #classBytes: number[] = [];
  #heldByLimitMs = 0;
  #heldByLineMs = 0;
  #lastRoundTripMs: number | undefined;
  #samples: Sample[] = [];
  bottleneck: Bottleneck = { cause: 'unclear', evidence: 'not looked at yet' };
  stalledMs = 0;
  idleRoundTripMs: number | undefined;
  loadedRoundTripMs: number | undefined;
  jitterMs: number | undefined;

  /** The mean of the last seconds. */
  get rates() {
    const seconds = this.#samples.reduce((sum, sample) => sum + sample.seconds, 0) || 1;
    const per = (bytes: (sample: Sample) => number) =>
      this.#samples.reduce((sum, sample) => sum + bytes(sample), 0) / seconds;
    return {
      sent: per(({ sentBytes }) => sentBytes),
      received: per(({ receivedBytes }) => receivedBytes),
      classes: countedClasses.map((trafficClass, index) => ({
        trafficClass,
        bytesPerSecond: per(({ classBytes }) => classBytes[index] ?? 0),
      })),
    };
  }

  /** Counts since the last look; undefined at the first one. */
  look(look: LinkLook): HealthCounts | undefined {
    const { nowMs, link, limitBytesPerSecond } = look;
    const before = this.#atMs;
    this.#atMs = nowMs;
    const resent = this.#resentSegments;
    const isNewLink = link !== this.#link;
    const sample = this.#sampleOf(look, isNewLink, (nowMs - (before ?? nowMs)) / 1000);
    if (before === undefined) return undefined;
    this.#samples = [...this.#samples, sample].slice(-windowSamples);
    this.bottleneck = this.#judge(look);
    const quietMs = this.#stall.look(nowMs, look.hasBacklog && link !== undefined, look.acknowledged);
    this.stalledMs = quietMs >= stalledAfterMs ? quietMs : 0;
    const observedMs = Math.round(nowMs - before);
    const isLimited = limitBytesPerSecond !== Number.POSITIVE_INFINITY;
    return {
      observedMs,
      upMs: link === undefined ? 0 : observedMs,
      sentBytes: sample.sentBytes,
      receivedBytes: sample.receivedBytes,
      resentSegments: isNewLink ? 0 : Math.max(0, this.#resentSegments - resent),
      limitedMs: isLimited ? observedMs : 0,
      allowedBytes: isLimited ? Math.round((limitBytesPerSecond * observedMs) / 1000) : 0,
      stalledMs: this.stalledMs > 0 ? observedMs : 0,
      [`cause:${this.bottleneck.cause}`]: observedMs,
      ...Object.fromEntries(countedClasses.map((name, index) => [`sent:${name}`, sample.classBytes[index] ?? 0])),
      ...this.#roundTripCounts(sample),
    };
  }

  #sampleOf({ link, shaped, own }: LinkLook, isNewLink: boolean, seconds: number): Sample {
    this.#link = link;
    const wire = link?.wire();
    const { sentBytes = 0, receivedBytes = 0, resentSegments = 0 } = wire ?? {};
    const classes = countedClasses.map((name) => shaped.classes[name]);
    const classBytes = classes.map((reading) => reading.wireBytes);
    // Classes wait side by side: the one that waits longest is the share of the time.
    const heldByLimitMs = Math.max(...classes.map(({ heldMs }) => heldMs.link + heldMs.uplink));
    const heldByLineMs = Math.max(...classes.map(({ heldMs }) => heldMs.line));
    const grown = (now: number, past: number) => Math.max(0, Math.round(now - past));
    const sample = {
      seconds,
      sentBytes: grown(sentBytes, isNewLink ? 0 : this.#sentBytes),
      receivedBytes: grown(receivedBytes, isNewLink ? 0 : this.#receivedBytes),
      classBytes: classBytes.map((bytes, index) => grown(bytes, this.#classBytes[index] ?? bytes)),
      heldByLimitMs: grown(heldByLimitMs, this.#heldByLimitMs),
      heldByLineMs: grown(heldByLineMs, this.#heldByLineMs),
      hasUnsent: wire?.connections.some(({ line }) => (line?.unsentBytes ?? 0) >= unsentBytesMin) ?? false,
      own,
      roundTripMs: link?.roundTripMs,
    };
    [this.#sentBytes, this.#receivedBytes, this.#resentSegments] = [sentBytes, receivedBytes, resentSegments];
    [this.#classBytes, this.#heldByLimitMs, this.#heldByLineMs] = [classBytes, heldByLimitMs, heldByLineMs];
    return sample;
  }

  #judge({ link, shaped, limitBytesPerSecond, hasBacklog, peer, nowMs }: LinkLook): Bottleneck {
    const samples = this.#samples;
    const seconds = samples.reduce((sum, sample) => sum + sample.seconds, 0) || 1;
    const mean = (value: (sample: Sample) => number) =>
      samples.reduce((sum, sample) => sum + value(sample) * sample.seconds, 0) / seconds;
    const shareOf = (held: (sample: Sample) => number) =>
      Math.min(1, samples.reduce((sum, sample) => sum + held(sample), 0) / 1000 / seconds);
    return bottleneckOf({
      seconds,
      linkUp: link !== undefined,
      hasBacklog,
      sentBytesPerSecond: samples.reduce((sum, sample) => sum + sample.sentBytes, 0) / seconds,
      limitBytesPerSecond,
      limitWhy: limitBytesPerSecond < shaped.limit.bytesPerSecond ? 'all links together' : shaped.limit.why,
      heldByLimit: shareOf(({ heldByLimitMs }) => heldByLimitMs),
      heldByLine: shareOf(({ heldByLineMs }) => heldByLineMs),
      unsent: mean(({ hasUnsent }) => (hasUnsent ? 1 : 0)),
      own: {
        processor: mean(({ own }) => own.processor),
        diskRead: mean(({ own }) => own.diskRead),
        diskWrite: mean(({ own }) => own.diskWrite),
      },
      peer: peer !== undefined && nowMs - peer.atMs <= peerNoteMsMax ? peer.load : undefined,
    });
  }

  /** The heartbeat measures every few seconds: a figure that is new is one round trip. */
  #roundTripCounts({ roundTripMs, sentBytes, receivedBytes, seconds }: Sample): HealthCounts {
    const last = this.#lastRoundTripMs;
    this.#lastRoundTripMs = roundTripMs;
    if (roundTripMs === undefined || roundTripMs === last) return {};
    const us = Math.round(roundTripMs * 1000);
    const isLoaded = sentBytes + receivedBytes > loadedBytesPerSecond * seconds;
    if (isLoaded) this.loadedRoundTripMs = roundTripMs;
    else this.idleRoundTripMs = roundTripMs;
    if (last !== undefined) this.jitterMs = Math.abs(roundTripMs - last);
    return {
      ...(isLoaded ? { loadedRoundTripUs: us, loadedRoundTrips: 1 } : { idleRoundTripUs: us, idleRoundTrips: 1 }),
      ...(last === undefined ? {} : { jitterUs: Math.round(Math.abs(roundTripMs - last) * 1000), jitters: 1 }),
      roundTripUsMax: us,
    };
  }
}
