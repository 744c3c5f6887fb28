import { AppError, toHex } from '#runtime';
import type { Appliance } from './appliance.ts';
import { type LineTestSample, lineFigures, testLine } from './line-test.ts';
import type { Run } from './operations.ts';
import type { Peer } from './peers.ts';

/** What a test of the line to a peer has shown. Rates are bytes a second. */
export interface LinkTestView {
  readonly peer: string;
  /** How long it took. */
  readonly seconds: number;
  /** As a router on the way counts it, with headers and what was sent again. */
  readonly capacityBytesPerSecond: number;
  readonly payloadBytesPerSecond: number;
  /** Absent: no limit. */
  readonly limitBytesPerSecond?: number;
  readonly limitWhy: string;
  /** The limit held the test back, so the line may give more. */
  readonly heldByLimit: boolean;
  readonly roundTripIdleMs?: number;
  readonly roundTripLoadedMs?: number;
  /** Packets that were sent again, of all; absent where the kernel does not count. */
  readonly resentPercent?: number;
  /** With all headers, the smallest of all connections: the path MTU as far as the kernel has found it. */
  readonly packetBytesMax?: number;
  readonly connections: number;
}

/** A test that goes as fast as this, or waited for the limit for half of its time, is held by it. */
const limitShare = 0.9;
const heldShare = 0.5;

export async function linkTestView(appliance: Appliance, peerName: string, run: Run): Promise<LinkTestView> {
  const { peers, replicator, environment } = appliance;
  const { clock, timers, random } = environment;
  const peer = peers.named(peerName);
  const link = await replicator.linkTo(peer, run);
  if (limitOf(appliance, peer).bytesPerSecond === 0) throw paused(peer);
  const samples: LineTestSample[] = [];
  const heldBefore = heldMs(appliance, peer);
  const beganMs = clock.monotonicMs();
  await testLine({
    link,
    clock,
    timers,
    random,
    signal: run.signal,
    onSample: (sample) => {
      samples.push(sample);
      run.progress({ doing: `testing the line to ${peer.name}`, doneBytes: sample.receivedBytes });
    },
  });
  const tookMs = clock.monotonicMs() - beganMs;
  const { capacityBytesPerSecond, payloadBytesPerSecond, ...measured } = lineFigures(samples);
  const limit = limitOf(appliance, peer);
  const { connections } = link.wire();
  const packetBytesMax = Math.min(
    ...connections.flatMap(({ kind, line }) => (kind === 'data' && line !== undefined ? [line.packetBytesMax] : [])),
  );
  const given = <K extends string>(name: K, value: number | undefined) =>
    value === undefined || !Number.isFinite(value) ? {} : ({ [name]: value } as Record<K, number>);
  return {
    peer: peer.name,
    seconds: tookMs / 1000,
    capacityBytesPerSecond: Math.round(capacityBytesPerSecond),
    payloadBytesPerSecond: Math.round(payloadBytesPerSecond),
    ...given('limitBytesPerSecond', limit.bytesPerSecond),
    limitWhy: limit.why,
    heldByLimit:
      capacityBytesPerSecond >= limitShare * limit.bytesPerSecond ||
      heldMs(appliance, peer) - heldBefore >= heldShare * tookMs,
    ...given('roundTripIdleMs', measured.roundTripIdleMs),
    ...given('roundTripLoadedMs', measured.roundTripLoadedMs),
    ...given('resentPercent', measured.resentPercent),
    ...given('packetBytesMax', packetBytesMax),
    connections: connections.length,
  };
}

/** The uplink's limit holds the link, too. */
function limitOf({ shaping }: Appliance, peer: Peer) {
  const own = shaping.inForce(peer.siteId);
  const { uplink } = shaping.readings();
  return uplink.limit.bytesPerSecond < own.bytesPerSecond ? uplink.limit : own;
}

function heldMs({ shaping }: Appliance, peer: Peer): number {
  const shaped = shaping.readings().links.find(({ peerSiteId }) => toHex(peerSiteId) === toHex(peer.siteId));
  const held = shaped?.classes.interactive.heldMs;
  return held === undefined ? 0 : held.link + held.uplink;
}

function paused(peer: Peer): AppError {
  return new AppError(`the link to ${peer.name} may carry nothing now`, {
    code: 'link_paused',
    advice:
      'See "sitepair link limits": wait for the window to open, or take a pause back with "sitepair link resume".',
  });
}
