import type { Gate, GatedConnection, TrafficClass } from './gate.ts';
import type { ShapedLink } from './shaped-link.ts';
import { WireCount } from './wire-count.ts';

/** What the gates of all connections ask: the one place that decides. */
export interface Turnstile {
  admit(gate: ConnectionGate, trafficClass: TrafficClass, bytes: number): boolean;
  spent(gate: ConnectionGate, bytes: number): void;
  left(gate: ConnectionGate): void;
}

/** A connection at the limit: what it waits for, what was reserved for it, and its books. */
export class ConnectionGate implements Gate {
  readonly link: ShapedLink;
  readonly connection: GatedConnection;
  readonly count: WireCount;
  /** Bytes it has asked for in vain, by class. */
  readonly wanted = new Map<TrafficClass, number>();
  /** Charged already, and kept for it while it is called. */
  readonly reserved = new Map<TrafficClass, number>();
  /** Of wire, written and not to be sent soon. */
  stuckBytes = 0;
  /** What it was given last is gone: it may have some more ahead. */
  isFluent = false;
  readMs = Number.NEGATIVE_INFINITY;
  writtenMs = Number.NEGATIVE_INFINITY;
  /** Written since the last reading, by class. */
  readonly sinceRead = new Map<TrafficClass, number>();
  /** The class that corrections of the kernel's count belong to; undefined: the protocol's own bytes. */
  lastClass: TrafficClass | undefined;
  pacedAt = Number.POSITIVE_INFINITY;
  readonly #turnstile: Turnstile;
  #closed = false;

  constructor(link: ShapedLink, connection: GatedConnection, turnstile: Turnstile) {
    this.link = link;
    this.connection = connection;
    this.count = new WireCount(connection);
    this.#turnstile = turnstile;
  }

  get quantumBytes(): number {
    return this.link.quantumBytes;
  }

  get reservedBytes(): number {
    let bytes = 0;
    for (const reserved of this.reserved.values()) bytes += reserved;
    return bytes;
  }

  admit(trafficClass: TrafficClass, bytes: number): boolean {
    return !this.#closed && this.#turnstile.admit(this, trafficClass, bytes);
  }

  spent(bytes: number): void {
    if (!this.#closed) this.#turnstile.spent(this, bytes);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#turnstile.left(this);
  }

  /** Adds what reached the wire to the classes that wrote since the last reading, by their parts. */
  countWire(wireBytes: number): void {
    const { flows } = this.link;
    this.link.wireBytes += wireBytes;
    let written = 0;
    for (const bytes of this.sinceRead.values()) written += bytes;
    for (const [trafficClass, bytes] of this.sinceRead) {
      if (written > 0) flows[trafficClass].wireBytes += (wireBytes * bytes) / written;
    }
    this.sinceRead.clear();
    if (written > 0) return;
    if (this.lastClass === undefined) this.link.protocolWireBytes += wireBytes;
    else flows[this.lastClass].wireBytes += wireBytes;
  }

  /** Has the kernel smooth what was let through. */
  pace(bytesPerSecond: number): void {
    if (bytesPerSecond === this.pacedAt || this.#closed) return;
    this.pacedAt = bytesPerSecond;
    this.connection.pace(bytesPerSecond);
  }
}
