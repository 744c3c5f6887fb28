import type { TrafficClass } from './gate.ts';

/** Why a limit is as it is: the rule that it comes from, what the peer takes in, or what the line leaves over. */
export type LimitReason = 'none' | 'default' | 'window' | 'override' | 'pause' | 'peer' | 'background';

export interface LimitInForce {
  /** Of wire: payload, framing, TCP and IP headers, retransmissions. Infinity: no limit; 0: paused. */
  readonly bytesPerSecond: number;
  readonly why: LimitReason;
}

/** What held traffic back: the limit of its link, that of the uplink, or a line that takes no more. */
export type HeldBy = 'link' | 'uplink' | 'line';

export interface TrafficCount {
  /** Let through, without TCP and IP headers. */
  readonly admittedBytes: number;
  /** As the kernel counts it. */
  readonly wireBytes: number;
}

export interface ClassReading extends TrafficCount {
  /** Milliseconds in which something of this class waited, by what it waited for. They only grow. */
  readonly heldMs: Readonly<Record<HeldBy, number>>;
  /** It waits at this moment. */
  readonly waiting: boolean;
}

export interface LinkReading {
  readonly peerSiteId: Uint8Array;
  readonly limit: LimitInForce;
  readonly connections: number;
  readonly classes: Readonly<Record<TrafficClass, ClassReading>>;
  /** Written without asking: heartbeats, credit, the protocol's own answers. */
  readonly protocol: TrafficCount;
  /** Of all connections, those that are gone included. */
  readonly wireBytes: number;
}

export interface ShaperReadings {
  readonly uplink: { readonly limit: LimitInForce; readonly wireBytes: number };
  readonly links: readonly LinkReading[];
}
