import type { HealthCounts } from '#health';
import { toHex } from '#runtime';
import type { Appliance } from './appliance.ts';
import type { Peer } from './peers.ts';
import type { DatasetLag } from './snapshot-book.ts';

/** How the link to one peer is, as people and monitors ask for it. Times are ISO, rates bytes of wire a second. */
export interface LinkHealthView {
  readonly peer: string;
  readonly link: 'up' | 'down';
  readonly linkDetail: string;
  /** What holds it back, with the figures that say so. */
  readonly cause: string;
  readonly evidence: string;
  /** Nothing was acknowledged for as long, though there is something to send; 0 when that is less than a minute. */
  readonly stalledSeconds: number;
  readonly sentBytesPerSecond: number;
  readonly receivedBytesPerSecond: number;
  readonly classes: readonly { readonly trafficClass: string; readonly bytesPerSecond: number }[];
  /** Of what this site sends there; absent: no limit. */
  readonly limitBytesPerSecond?: number;
  readonly limitWhy: string;
  readonly roundTripIdleMs?: number;
  readonly roundTripLoadedMs?: number;
  readonly jitterMs?: number;
  /** The peer's clock minus ours. */
  readonly clockOffsetSeconds?: number;
  readonly resentSegments: number;
  readonly connections: number;
  readonly backlog: {
    readonly snapshots: number;
    /** Of all their files: what the peer has already is not taken off, so this is the most that it can be. */
    readonly contentBytesMax: number;
    /** At the rate of the last seconds, and at most. */
    readonly etaSecondsMax?: number;
  };
  readonly lags: readonly DatasetLag[];
  readonly events: readonly { readonly at: string; readonly what: string; readonly detail: string }[];
  /** What the kernel does not do for this link's sockets. */
  readonly notes: readonly string[];
}

export interface LinkHistoryView {
  readonly peer: string;
  readonly stepSeconds: number;
  readonly points: readonly { readonly from: string; readonly counts: HealthCounts }[];
}

const eventsShown = 10;
/** Slower than this there is no telling when a backlog will have gone. */
const etaBytesPerSecondMin = 1000;

export function linkHealthViews(appliance: Appliance, peerName: string | undefined): LinkHealthView[] {
  const { peers } = appliance;
  const wanted = peerName === undefined ? peers.paired() : [peers.named(peerName)];
  return wanted.map((peer) => healthView(appliance, peer));
}

/** Counts of the last `sinceSeconds`, in steps of about `stepSeconds`. */
export function linkHistoryView(
  appliance: Appliance,
  request: { readonly peer: string; readonly sinceSeconds: number; readonly stepSeconds?: number },
): LinkHistoryView {
  const { health, peers, environment } = appliance;
  const peer = peers.named(request.peer);
  const now = Math.floor(environment.clock.nowMs() / 1000);
  const range = { from: now - request.sinceSeconds, to: now + 1, now };
  const { stepSeconds, points } = health.history.query(peer.siteId, range, request.stepSeconds ?? 0);
  return {
    peer: peer.name,
    stepSeconds,
    points: points.map(({ from, counts }) => ({ from: isoOf(from), counts })),
  };
}

function healthView(appliance: Appliance, peer: Peer): LinkHealthView {
  const { health, links, shaping, book } = appliance;
  const { sampler, note } = health.watched(peer);
  const link = links.link(peer.siteId);
  const state = links.state(peer.siteId);
  const reason = 'reason' in state ? state.reason?.message : undefined;
  const { uplink } = shaping.readings();
  const ownLimit = shaping.inForce(peer.siteId);
  const limit = uplink.limit.bytesPerSecond < ownLimit.bytesPerSecond ? uplink.limit : ownLimit;
  const { sent, received, classes } = sampler.rates;
  const wire = link?.wire();
  const clockOffsetSeconds = offsetOf(appliance, note, link?.roundTripMs) ?? link?.peer.clockSkewSeconds;
  const events = health.events(peer, eventsShown);
  const given = <K extends string>(name: K, value: number | undefined) =>
    value === undefined || !Number.isFinite(value) ? {} : ({ [name]: value } as Record<K, number>);
  return {
    peer: peer.name,
    link: link === undefined ? 'down' : 'up',
    linkDetail: reason ?? state.state,
    ...sampler.bottleneck,
    stalledSeconds: Math.floor(sampler.stalledMs / 1000),
    sentBytesPerSecond: Math.round(sent),
    receivedBytesPerSecond: Math.round(received),
    classes: classes.map(({ trafficClass, bytesPerSecond }) => ({
      trafficClass,
      bytesPerSecond: Math.round(bytesPerSecond),
    })),
    ...given('limitBytesPerSecond', limit.bytesPerSecond),
    limitWhy: limit.why,
    ...given('roundTripIdleMs', sampler.idleRoundTripMs),
    ...given('roundTripLoadedMs', sampler.loadedRoundTripMs),
    ...given('jitterMs', sampler.jitterMs),
    ...given('clockOffsetSeconds', clockOffsetSeconds),
    resentSegments: wire?.resentSegments ?? 0,
    connections: wire?.connections.length ?? 0,
    backlog: backlogOf(appliance, peer, sent),
    lags: book.lagsAt(peer.siteId),
    events: events.map(({ at, what, detail }) => ({ at: isoOf(at), what, detail })),
    notes: [...(link?.socketNotes ?? [])],
  };
}

/** The note was half a round trip old when it came, and has not aged: both clocks went on since. */
function offsetOf(
  { environment: { clock } }: Appliance,
  note: { readonly wallMs: number; readonly atMs: number } | undefined,
  roundTripMs = 0,
): number | undefined {
  if (note === undefined) return undefined;
  const heardWallMs = clock.nowMs() - (clock.monotonicMs() - note.atMs);
  return Math.round(note.wallMs + roundTripMs / 2 - heardWallMs) / 1000;
}

function backlogOf({ book }: Appliance, peer: Peer, sentBytesPerSecond: number): LinkHealthView['backlog'] {
  const pending = peer.ownRole === 'full' ? book.pendingFor(peer.siteId, undefined) : [];
  const contentBytesMax = pending.reduce(
    (sum, { snapshotId }) => sum + book.snapshot(toHex(snapshotId)).contentBytes,
    0,
  );
  const hasEta = contentBytesMax > 0 && sentBytesPerSecond >= etaBytesPerSecondMin;
  return {
    snapshots: pending.length,
    contentBytesMax,
    ...(hasEta ? { etaSecondsMax: Math.ceil(contentBytesMax / sentBytesPerSecond) } : {}),
  };
}

function isoOf(seconds: number): string {
  return new Date(seconds * 1000).toISOString();
}
