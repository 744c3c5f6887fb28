import type { ConnectionGate } from './connection-gate.ts';
import type { Flow } from './flow.ts';
import type { RateLimit } from './rate-limit.ts';
import type { HeldBy } from './readings.ts';
import type { ShapedLink } from './shaped-link.ts';
import type { Ways } from './turn-order.ts';
import { onWire } from './wire-count.ts';

/** How often those who wait are looked after, and the kernel is asked what it has sent. */
export const tickMs = 5;
/** A limit so low that a packet takes longer is looked at as rarely as that: corrections only make it later. */
const tickMsMax = 100;
/** Unsent bytes of one connection, in time of the limit, or in quanta: enough for its line to go on until the next tick. */
const unsentMs = 10;
const unsentQuanta = 3;

/** What stands in whose way at this moment, and when to look again. */
export class WaysNow implements Ways {
  readonly heldLinks = new Set<ShapedLink>();
  uplinkHeld = false;
  readonly #uplink: RateLimit;
  readonly #nowMs: number;
  #waitMs = Number.POSITIVE_INFINITY;

  constructor(uplink: RateLimit, nowMs: number) {
    this.#uplink = uplink;
    this.#nowMs = nowMs;
  }

  get delayMs(): number {
    if (this.#waitMs === Number.POSITIVE_INFINITY) return this.#waitMs;
    return Math.max(tickMs, Math.min(tickMsMax, this.#waitMs));
  }

  link(link: ShapedLink, bytes: number): boolean {
    return link.rate.allows(onWire(bytes));
  }

  uplink(bytes: number): boolean {
    return this.#uplink.allows(onWire(bytes));
  }

  line(gate: ConnectionGate, bytes: number): boolean {
    const unsent = gate.count.unsentBytes;
    const { topBytesPerSecond, quantumBytes } = gate.link;
    const most = Math.max((topBytesPerSecond * unsentMs) / 1000, unsentQuanta * quantumBytes);
    return unsent === 0 || (gate.isFluent && unsent + bytes <= most);
  }

  held(flow: Flow, by: HeldBy, bytes: number): void {
    flow.heldBy(by, this.#nowMs);
    // Who waits for the uplink keeps what its link would let through: else each of the two would wait for the other.
    if (by !== 'line') this.heldLinks.add(flow.link);
    if (by === 'uplink') this.uplinkHeld = true;
    const wireBytes = onWire(bytes);
    if (by === 'line') this.#waitMs = Math.min(this.#waitMs, tickMs);
    else this.#waitMs = Math.min(this.#waitMs, (by === 'link' ? flow.link.rate : this.#uplink).waitMs(wireBytes));
  }
}
