import type { Cause } from './causes.ts';

/** How busy one end is; shares are from 0 to 1. */
export interface EndLoad {
  /** Of the time, the main thread was busy; or of one processor's time, whatever is more. */
  readonly processor: number;
  /** Of the time, at least one write or sync of the store was under way. */
  readonly diskWrite: number;
  /** Of the time, at least one read of the store was under way. */
  readonly diskRead: number;
}

/** The sender's side of a link over some seconds. */
export interface LinkWindow {
  readonly seconds: number;
  readonly linkUp: boolean;
  /** Something is complete here that the peer does not hold. */
  readonly hasBacklog: boolean;
  readonly sentBytesPerSecond: number;
  /** Infinity: none. */
  readonly limitBytesPerSecond: number;
  /** Why the limit is as it is, as the shaper says it. */
  readonly limitWhy: string;
  /** Shares of the time in which traffic waited for the limit of the link or the uplink, and for the line. */
  readonly heldByLimit: number;
  readonly heldByLine: number;
  /** Share of the looks at which a data connection had a queue that the line had not taken. */
  readonly unsent: number;
  readonly own: EndLoad;
  /** What the peer has said of itself in this time; undefined when it has not. */
  readonly peer: EndLoad | undefined;
}

export interface Bottleneck {
  readonly cause: Cause;
  /** The figures that it was judged by, as a sentence. */
  readonly evidence: string;
}

/** A wait of half of the time is more than any other cause can have beside it. */
const mostOfTheTime = 0.5;
/** A thread this busy has nothing left: the rest is what Node itself needs between turns. */
const busy = 0.85;
/** Within this of its limit a link is held by it: guarantee G4 leaves it 2 %, waves of single seconds the rest. */
const nearLimit = 0.9;

/**
 * What holds the link back. The first that fits: what stands still needs no measuring; a limit is a limit however busy the
 * machines are; a peer that does not take what the line brings fills the line's queues, so it is asked before the line.
 */
export function bottleneckOf(window: LinkWindow): Bottleneck {
  const { own, peer, limitBytesPerSecond, sentBytesPerSecond } = window;
  if (!window.linkUp) return { cause: 'peer_unreachable', evidence: 'there is no link' };
  if (!window.hasBacklog) return { cause: 'nothing_to_send', evidence: 'the peer holds all that is complete here' };
  if (limitBytesPerSecond === 0)
    return { cause: 'window_closed', evidence: `the limit in force is 0: ${window.limitWhy}` };
  const rate = `${mbit(sentBytesPerSecond)} of ${mbit(limitBytesPerSecond)} Mbit/s`;
  const ofLimit = sentBytesPerSecond / limitBytesPerSecond;
  const isHeldByLimit = window.heldByLimit >= mostOfTheTime && window.heldByLimit >= window.heldByLine;
  if (window.limitWhy === 'background' && (isHeldByLimit || ofLimit >= nearLimit))
    return { cause: 'line', evidence: `the line leaves ${mbit(limitBytesPerSecond)} Mbit/s over in background mode` };
  if (isHeldByLimit)
    return {
      cause: 'limit',
      evidence: `${rate}; traffic waited for the limit ${percent(window.heldByLimit)} of the time`,
    };
  if (ofLimit >= nearLimit) return { cause: 'limit', evidence: `${rate} (${window.limitWhy})` };
  if (peer !== undefined && peer.processor >= busy && peer.processor >= peer.diskWrite)
    return { cause: 'peer_processor', evidence: `the peer's processor is busy ${percent(peer.processor)} of the time` };
  if (own.processor >= busy)
    return { cause: 'processor', evidence: `this processor is busy ${percent(own.processor)} of the time` };
  const line = Math.max(window.heldByLine, window.unsent);
  if (peer !== undefined && peer.diskWrite >= mostOfTheTime && peer.diskWrite >= line)
    return { cause: 'peer_disk', evidence: `the peer waits for its disk ${percent(peer.diskWrite)} of the time` };
  if (line >= mostOfTheTime)
    return {
      cause: 'line',
      evidence: `bytes that may go lie unsent ${percent(line)} of the time, at ${mbit(sentBytesPerSecond)} Mbit/s`,
    };
  if (own.diskRead >= mostOfTheTime)
    return { cause: 'source_disk', evidence: `reads of the store are awaited ${percent(own.diskRead)} of the time` };
  return { cause: 'unclear', evidence: evidenceOf(window, line) };
}

function evidenceOf({ own, peer, sentBytesPerSecond }: LinkWindow, line: number): string {
  const there =
    peer === undefined
      ? 'the peer has not said how busy it is'
      : `peer's disk ${percent(peer.diskWrite)}, peer's processor ${percent(peer.processor)}`;
  return `${mbit(sentBytesPerSecond)} Mbit/s; nothing stands out: line ${percent(line)}, reads ${percent(own.diskRead)}, processor ${percent(own.processor)}; ${there}`;
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

function mbit(bytesPerSecond: number): string {
  const value = (bytesPerSecond * 8) / 1e6;
  return value === Number.POSITIVE_INFINITY ? 'unlimited' : value >= 10 ? value.toFixed(0) : value.toFixed(2);
}
