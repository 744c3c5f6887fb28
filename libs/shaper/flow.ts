import type { ConnectionGate } from './connection-gate.ts';
import { type TrafficClass, trafficClasses } from './gate.ts';
import type { ClassReading, HeldBy } from './readings.ts';
import type { ShapedLink } from './shaped-link.ts';

/** What of one class goes over one link: who waits, what it has had, and what it is owed. */
export class Flow {
  readonly link: ShapedLink;
  readonly trafficClass: TrafficClass;
  /** 0 is the most urgent. */
  readonly rank: number;
  /** Connections that wait, in the order of their turns. */
  readonly waiting = new Set<ConnectionGate>();
  /** Bytes that it has a right to before all others, so that it never starves. */
  owedBytes = 0;
  /** Of flows of one class on several links, the one with the lowest is next. */
  turn = 0;
  admittedBytes = 0;
  wireBytes = 0;
  readonly #heldMs: Record<HeldBy, number> = { link: 0, uplink: 0, line: 0 };
  #heldBy: HeldBy = 'link';
  #countedMs = 0;

  constructor(link: ShapedLink, trafficClass: TrafficClass) {
    this.link = link;
    this.trafficClass = trafficClass;
    this.rank = trafficClasses.indexOf(trafficClass);
  }

  join(gate: ConnectionGate, nowMs: number): void {
    this.#count(nowMs);
    this.waiting.add(gate);
  }

  leave(gate: ConnectionGate, nowMs: number): void {
    this.#count(nowMs);
    this.waiting.delete(gate);
  }

  /** From now on it waits for this. */
  heldBy(what: HeldBy, nowMs: number): void {
    this.#count(nowMs);
    this.#heldBy = what;
  }

  reading(nowMs: number): ClassReading {
    this.#count(nowMs);
    const { admittedBytes, wireBytes } = this;
    return { admittedBytes, wireBytes, heldMs: { ...this.#heldMs }, waiting: this.waiting.size > 0 };
  }

  #count(nowMs: number): void {
    if (this.waiting.size > 0) this.#heldMs[this.#heldBy] += nowMs - this.#countedMs;
    this.#countedMs = nowMs;
  }
}
