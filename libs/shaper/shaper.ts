import { type Clock, type Timer, type Timers, toHex } from '#runtime';
import type { ConnectionGate } from './connection-gate.ts';
import type { Flow } from './flow.ts';
import type { TrafficClass } from './gate.ts';
import { paceOf } from './pace.ts';
import { RateLimit } from './rate-limit.ts';
import type { LimitInForce, ShaperReadings } from './readings.ts';
import { type LinkHost, noLimit, ShapedLink } from './shaped-link.ts';
import { TurnOrder } from './turn-order.ts';
import { tickMs, WaysNow } from './ways-now.ts';
import { onWire } from './wire-count.ts';

/** A connection that was quiet for as long sends no retransmissions any more that anybody would notice. */
const quietMs = 3000;
const quietReadMs = 1000;
/** What a kernel holds and will not send within this time, at the rate of its last one, is stuck. */
const soonMs = 20;
/** Classes of small messages, which a pause does not hold. */
const passesPause: ReadonlySet<TrafficClass> = new Set(['interactive', 'catalog']);
/** What is in the kernel already goes out at the old pace: a lower limit holds sooner for it. */
const slowerPaceDelayMs = 100;

/**
 * The bandwidth of a site: one uplink with a limit, a limit for each link, and classes that go before one another. Decides
 * what may be written, and counts what the kernel really sends. Without limits it only counts; while nobody waits it has no timer.
 */
export class Shaper {
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #links = new Map<string, ShapedLink>();
  readonly #uplink = new RateLimit();
  readonly #order = new TurnOrder();
  readonly #host: LinkHost;
  #uplinkLimit: LimitInForce = noLimit;
  #wireBytes = 0;
  #timer: Timer | undefined;
  #timerMs = 0;
  #paceTimer: Timer | undefined;
  #serving = false;
  #isRestarted = false;

  constructor(clock: Clock, timers: Timers) {
    this.#clock = clock;
    this.#timers = timers;
    const settle = () => this.#settle();
    const uplink = () => this.#uplink.bytesPerSecond;
    this.#host = {
      admit: (gate, trafficClass, bytes) => this.#admit(gate, trafficClass, bytes),
      spent: (gate, bytes) => this.#spent(gate, bytes),
      left: (gate) => this.#left(gate),
      joined: (gate) => this.#joined(gate),
      limitChanged: (link) => this.#limitChanged(link),
      settle,
      get uplinkBytesPerSecond() {
        return uplink();
      },
    };
  }

  /** The limits of the link to a peer; the same object each time. */
  link(peerSiteId: Uint8Array): ShapedLink {
    const key = toHex(peerSiteId);
    let link = this.#links.get(key);
    if (link === undefined) {
      link = new ShapedLink(peerSiteId, this.#host);
      this.#links.set(key, link);
    }
    return link;
  }

  /** Limits all links together, from now on; `noLimit` lifts it. In force at once, for who waits as well. */
  setUplinkLimit(limit: LimitInForce): void {
    const changed = limit.bytesPerSecond !== this.#uplinkLimit.bytesPerSecond;
    this.#uplinkLimit = limit;
    if (!changed) return;
    const nowMs = this.#settle();
    this.#uplink.set(limit.bytesPerSecond, nowMs);
    for (const link of this.#links.values()) this.#pace(link, nowMs);
    this.#schedule(0);
  }

  /** What went, what waits and what for, and the limits in force. */
  readings(): ShaperReadings {
    const links = [...this.#links.values()].map((link) => link.reading());
    return { uplink: { limit: this.#uplinkLimit, wireBytes: this.#wireBytes }, links };
  }

  /** Whether a timer is running: it is only while somebody waits. */
  get isTicking(): boolean {
    return this.#timer !== undefined;
  }

  close(): void {
    this.#timer?.cancel();
    this.#paceTimer?.cancel();
    this.#timer = undefined;
    this.#paceTimer = undefined;
  }

  #admit(gate: ConnectionGate, trafficClass: TrafficClass, bytes: number): boolean {
    const flow = gate.link.flows[trafficClass];
    const reserved = gate.reserved.get(trafficClass);
    if (reserved !== undefined) {
      this.#release(gate, trafficClass, reserved >= bytes ? reserved - bytes : reserved);
      if (reserved >= bytes) return true;
    }
    // A pause is told to the peer, and the sites go on to know of each other, whoever has made it.
    const isSmallInPause = gate.link.topBytesPerSecond === 0 && passesPause.has(trafficClass);
    if (isSmallInPause || (!gate.link.rate.isLimited && !this.#uplink.isLimited)) {
      this.#take(gate, flow, bytes, this.#clock.monotonicMs());
      return true;
    }
    if (!this.#serving && gate.wanted.has(trafficClass)) {
      // Its turn will come with a tick: asking more often makes it no earlier.
      gate.wanted.set(trafficClass, bytes);
      return false;
    }
    const nowMs = this.#settle();
    this.#wait(gate, flow, bytes, nowMs);
    const ways = new WaysNow(this.#uplink, nowMs);
    const turn = this.#order.next(ways);
    if (turn?.gate === gate && turn.flow === flow) {
      this.#waitNoMore(gate, flow, nowMs);
      this.#take(gate, flow, bytes, nowMs);
      return true;
    }
    if (!this.#serving) this.#schedule(turn === undefined ? ways.delayMs : 0);
    return false;
  }

  #spent(gate: ConnectionGate, bytes: number): void {
    if (gate.link.rate.isLimited || this.#uplink.isLimited) this.#settle();
    gate.link.protocolAdmittedBytes += bytes;
    gate.lastClass = undefined;
    this.#charge(gate, bytes, this.#clock.monotonicMs());
  }

  #left(gate: ConnectionGate): void {
    const nowMs = this.#settle();
    this.#read(gate, nowMs);
    for (const trafficClass of [...gate.reserved.keys()]) {
      this.#release(gate, trafficClass, gate.reserved.get(trafficClass) ?? 0);
    }
    for (const trafficClass of [...gate.wanted.keys()]) {
      this.#waitNoMore(gate, gate.link.flows[trafficClass], nowMs);
    }
    // What its kernel holds may still go out, and nobody will count it.
    const pending = gate.count.pendingBytes;
    for (const rate of [gate.link.rate, this.#uplink]) rate.sent(pending, 0);
    gate.link.gates.delete(gate);
    this.#pace(gate.link, nowMs);
  }

  #joined(gate: ConnectionGate): void {
    const nowMs = this.#settle();
    this.#read(gate, nowMs);
    this.#pace(gate.link, nowMs);
  }

  #limitChanged(link: ShapedLink): void {
    const nowMs = this.#settle();
    link.rate.set(link.limit.bytesPerSecond, nowMs);
    this.#pace(link, nowMs);
    this.#schedule(0);
  }

  /** Gives out what the limits allow, in turns. Each who is called asks again at once. */
  #serve(): void {
    this.#serving = true;
    this.#isRestarted = false;
    let nowMs = this.#settle();
    let ways = new WaysNow(this.#uplink, nowMs);
    for (let turn = this.#order.next(ways); turn !== undefined; turn = this.#order.next(ways)) {
      const { gate, flow, bytes } = turn;
      this.#waitNoMore(gate, flow, nowMs);
      this.#take(gate, flow, bytes, nowMs);
      gate.reserved.set(flow.trafficClass, bytes);
      gate.connection.opened();
      // A turn that is not taken goes to the next.
      if (gate.reserved.has(flow.trafficClass)) this.#release(gate, flow.trafficClass, bytes);
      nowMs = this.#settle();
      ways = new WaysNow(this.#uplink, nowMs);
    }
    for (const link of this.#links.values()) if (!ways.heldLinks.has(link)) link.rate.forgetUnused();
    if (!ways.uplinkHeld) this.#uplink.forgetUnused();
    for (const link of this.#links.values()) if (link.isHeldBack) this.#pace(link, nowMs);
    this.#serving = false;
    this.#schedule(this.#isRestarted ? 0 : ways.delayMs);
  }

  #wait(gate: ConnectionGate, flow: Flow, bytes: number, nowMs: number): void {
    gate.wanted.set(flow.trafficClass, bytes);
    flow.join(gate, nowMs);
    this.#order.join(flow);
  }

  #waitNoMore(gate: ConnectionGate, flow: Flow, nowMs: number): void {
    gate.wanted.delete(flow.trafficClass);
    flow.leave(gate, nowMs);
    if (flow.waiting.size === 0) this.#order.leave(flow);
  }

  #take(gate: ConnectionGate, flow: Flow, bytes: number, nowMs: number): void {
    flow.admittedBytes += bytes;
    gate.lastClass = flow.trafficClass;
    gate.sinceRead.set(flow.trafficClass, (gate.sinceRead.get(flow.trafficClass) ?? 0) + bytes);
    this.#order.went(flow, bytes, this.#uplink.isLimited);
    this.#charge(gate, bytes, nowMs);
  }

  #charge(gate: ConnectionGate, bytes: number, nowMs: number): void {
    const wireBytes = gate.count.charge(bytes);
    gate.writtenMs = nowMs;
    gate.link.rate.charge(wireBytes);
    this.#uplink.charge(wireBytes);
  }

  /** Gives back `bytes` of what was reserved, and forgets the reservation. */
  #release(gate: ConnectionGate, trafficClass: TrafficClass, bytes: number): void {
    gate.reserved.delete(trafficClass);
    if (bytes === 0) return;
    const wireBytes = gate.count.takeBack(bytes);
    gate.link.flows[trafficClass].admittedBytes -= bytes;
    gate.sinceRead.set(trafficClass, Math.max(0, (gate.sinceRead.get(trafficClass) ?? 0) - bytes));
    gate.link.rate.charge(-wireBytes);
    this.#uplink.charge(-wireBytes);
  }

  /** Brings all limits up to now: what the kernel has sent since, and what time has allowed. */
  #settle(): number {
    const nowMs = this.#clock.monotonicMs();
    let allPending = 0;
    for (const link of this.#links.values()) {
      let pending = 0;
      for (const gate of link.gates) {
        const sinceReadMs = nowMs - gate.readMs;
        const isQuiet = nowMs - gate.writtenMs > quietMs;
        if (sinceReadMs >= (isQuiet ? quietReadMs : tickMs)) this.#read(gate, nowMs);
        pending += Math.max(0, gate.count.pendingBytes - gate.stuckBytes);
      }
      link.rate.pendingBytes = pending;
      allPending += pending;
      link.rate.advance(nowMs, link.isWaiting);
    }
    this.#uplink.pendingBytes = allPending;
    this.#uplink.advance(nowMs, this.#order.size > 0);
    return nowMs;
  }

  #read(gate: ConnectionGate, nowMs: number): void {
    const sinceMs = Math.max(1, nowMs - gate.readMs);
    gate.readMs = nowMs;
    const { missedBytes, wireBytes } = gate.count.read(gate.reservedBytes);
    gate.link.rate.sent(wireBytes, missedBytes);
    this.#uplink.sent(wireBytes, missedBytes);
    this.#wireBytes += wireBytes;
    gate.stuckBytes = Math.max(0, onWire(gate.count.heldBytes) - (wireBytes * soonMs) / sinceMs);
    if (gate.stuckBytes > 0) gate.isFluent = false;
    else if (wireBytes > 0) gate.isFluent = true;
    gate.countWire(wireBytes);
  }

  #pace(link: ShapedLink, nowMs: number): void {
    for (const gate of link.gates) {
      const pace = paceOf(link.topBytesPerSecond, link.gates.size, gate.count.unsentBytes);
      if (pace >= gate.pacedAt || nowMs - gate.writtenMs > slowerPaceDelayMs) gate.pace(pace);
      else this.#paceTimer ??= this.#timers.after(slowerPaceDelayMs, () => this.#paceAll());
    }
  }

  #paceAll(): void {
    this.#paceTimer = undefined;
    for (const link of this.#links.values()) {
      for (const gate of link.gates) {
        gate.pace(paceOf(link.topBytesPerSecond, link.gates.size, gate.count.unsentBytes));
      }
    }
  }

  #schedule(delayMs: number): void {
    if (this.#serving) {
      this.#isRestarted = true;
      return;
    }
    if (this.#order.size === 0 || delayMs === Number.POSITIVE_INFINITY) return;
    const dueMs = this.#clock.monotonicMs() + delayMs;
    if (this.#timer !== undefined && this.#timerMs <= dueMs) return;
    this.#timer?.cancel();
    this.#timerMs = dueMs;
    this.#timer = this.#timers.after(delayMs, () => {
      this.#timer = undefined;
      this.#serve();
    });
  }
}
