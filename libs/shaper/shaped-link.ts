import { ConnectionGate, type Turnstile } from './connection-gate.ts';
import { Flow } from './flow.ts';
import { type Gate, type GatedConnection, type LinkShaper, type TrafficClass, trafficClasses } from './gate.ts';
import { RateLimit } from './rate-limit.ts';
import type { ClassReading, LimitInForce, LinkReading } from './readings.ts';

/** Who may limit a link: this site's rules, the peer's word about what it takes in, the delay of the line. */
export type LimitSource = 'rules' | 'peer' | 'background';

export const noLimit: LimitInForce = { bytesPerSecond: Number.POSITIVE_INFINITY, why: 'none' };

/** 5 ms of a limit: what goes at once must not delay what is more urgent, nor bunch up on the line. */
const quantumMs = 5;
/** One segment: smaller pieces would cost more in headers than they smooth. */
const quantumBytesMin = 1400;
/** Noise messages are no larger. */
const quantumBytesMax = 65_536;

/** What a shaped link asks of its shaper. */
export interface LinkHost extends Turnstile {
  /** A limit of this link is another now. */
  limitChanged(link: ShapedLink): void;
  joined(gate: ConnectionGate): void;
  readonly uplinkBytesPerSecond: number;
  /** Brings the books up to date; gives the time. */
  settle(): number;
}

/** One peer's share of the uplink: its limit, and what waits for it. */
export class ShapedLink implements LinkShaper {
  readonly peerSiteId: Uint8Array;
  readonly rate = new RateLimit();
  readonly gates = new Set<ConnectionGate>();
  readonly flows: Readonly<Record<TrafficClass, Flow>>;
  protocolAdmittedBytes = 0;
  protocolWireBytes = 0;
  wireBytes = 0;
  readonly #host: LinkHost;
  readonly #limits = new Map<LimitSource, LimitInForce>();
  #limit: LimitInForce = noLimit;

  constructor(peerSiteId: Uint8Array, host: LinkHost) {
    this.peerSiteId = peerSiteId;
    this.#host = host;
    this.flows = Object.fromEntries(trafficClasses.map((name) => [name, new Flow(this, name)])) as Record<
      TrafficClass,
      Flow
    >;
  }

  /** The lowest of the limits that were set, and whose it is. */
  get limit(): LimitInForce {
    return this.#limit;
  }

  /** The limit that this source sets from now on; `noLimit` lifts it. In force at once, for who waits as well. */
  setLimit(source: LimitSource, limit: LimitInForce): void {
    this.#limits.set(source, limit);
    const lowest = [...this.#limits.values()].reduce((low, one) =>
      one.bytesPerSecond < low.bytesPerSecond ? one : low,
    );
    const changed = lowest.bytesPerSecond !== this.#limit.bytesPerSecond;
    this.#limit = lowest;
    if (changed) this.#host.limitChanged(this);
  }

  /** What this link can get at most. */
  get topBytesPerSecond(): number {
    return Math.min(this.#limit.bytesPerSecond, this.#host.uplinkBytesPerSecond);
  }

  get quantumBytes(): number {
    const top = this.topBytesPerSecond;
    if (top === Number.POSITIVE_INFINITY) return top;
    return Math.round(Math.max(quantumBytesMin, Math.min(quantumBytesMax, (top * quantumMs) / 1000)));
  }

  /** The kernel is told to send slowly for a connection, because of what it holds of another limit. */
  get isHeldBack(): boolean {
    const { topBytesPerSecond } = this;
    for (const gate of this.gates) if (gate.pacedAt < topBytesPerSecond) return true;
    return false;
  }

  get isWaiting(): boolean {
    return trafficClasses.some((name) => this.flows[name].waiting.size > 0);
  }

  gate(connection: GatedConnection): Gate {
    const gate = new ConnectionGate(this, connection, this.#host);
    this.gates.add(gate);
    this.#host.joined(gate);
    return gate;
  }

  reading(): LinkReading {
    const nowMs = this.#host.settle();
    return {
      peerSiteId: this.peerSiteId,
      limit: this.#limit,
      connections: this.gates.size,
      classes: Object.fromEntries(trafficClasses.map((name) => [name, this.flows[name].reading(nowMs)])) as Record<
        TrafficClass,
        ClassReading
      >,
      protocol: { admittedBytes: this.protocolAdmittedBytes, wireBytes: this.protocolWireBytes },
      wireBytes: this.wireBytes,
    };
  }
}
