import type { EventQueue } from './event-queue.ts';
import { type Machine, onMachine } from './machine.ts';
import type { SeededRandom } from './random.ts';

/** How the line from one site to another is, in one direction. */
export interface Line {
  /** Nothing arrives; what is sent waits in the sender's queue, as TCP has it, and arrives when the line is back. */
  cut: boolean;
  latencyMs: number;
  /** Each connection is slower by up to this: they overtake each other. */
  jitterMs: number;
  bytesPerSecond: number;
}

/** What a machine that listens does with a connection that comes in. */
export interface Listener {
  readonly machine: Machine;
  readonly accept: (end: ConnectionEnd, path: string) => void;
}

export interface EndEvents {
  frame(bytes: Buffer): void;
  /** The other end has closed, or the connection broke. */
  gone(why: string): void;
  drain(): void;
}

/** Sites, the lines between them, and every connection. */
export class Network {
  readonly queue: EventQueue;
  readonly random: SeededRandom;
  readonly #lines = new Map<string, Line>();
  readonly #listeners = new Map<string, Listener>();
  readonly connections = new Set<Connection>();
  /** Bytes that were handed to the lines. */
  bytesSent = 0;

  constructor(queue: EventQueue, random: SeededRandom) {
    [this.queue, this.random] = [queue, random];
  }

  /** The line from one site to another; made anew as a good one when it was never asked for. */
  line(from: string, to: string): Line {
    const key = `${from}>${to}`;
    const known = this.#lines.get(key);
    if (known !== undefined) return known;
    const latencyMs = 2 + this.random.fraction() * 60;
    const line = { cut: false, latencyMs, jitterMs: 5, bytesPerSecond: 2_000_000 };
    this.#lines.set(key, line);
    return line;
  }

  /** Cuts or mends one direction of a line. What waited arrives now. */
  setCut(from: string, to: string, cut: boolean): void {
    this.line(from, to).cut = cut;
    if (!cut) for (const connection of [...this.connections]) connection.mended(from, to);
  }

  get isAnyCut(): boolean {
    return [...this.#lines.values()].some((line) => line.cut);
  }

  /** True while an end waits for another that will never answer: its heartbeats have to find out. */
  get isAnyHalfDead(): boolean {
    for (const connection of this.connections) if (connection.isHalfDead) return true;
    return false;
  }

  /** True while some machine of the site has power and answers. */
  isUp(site: string): boolean {
    return [...this.#listeners.values()].some(({ machine }) => machine.site === site && machine.alive);
  }

  listen(address: string, listener: Listener): void {
    this.#listeners.set(address, listener);
  }

  /** Nobody listens there any more, if it was this machine. */
  unlisten(address: string, machine: Machine): void {
    if (this.#listeners.get(address)?.machine === machine) this.#listeners.delete(address);
  }

  /** Dials; `connected` or `failed` is called later, or neither when nothing answers. */
  dial(
    machine: Machine,
    address: string,
    path: string,
    connected: (end: ConnectionEnd) => void,
    failed: (why: string) => void,
  ): void {
    const site = address.split('.')[0] ?? '';
    const [there, back] = [this.line(machine.site, site), this.line(site, machine.site)];
    const delayMs = there.latencyMs + back.latencyMs + this.random.fraction() * 5;
    machine.after(delayMs, `${machine.site} dials ${site}`, () => {
      if (there.cut || back.cut) return;
      const listener = this.#listeners.get(address);
      if (listener === undefined || !listener.machine.alive) failed('connect ECONNREFUSED');
      else {
        const connection = new Connection(this, machine, listener.machine);
        onMachine(listener.machine, () => listener.accept(connection.answering, path));
        connected(connection.dialling);
      }
    });
  }

  /** A process has ended: its connections break. After a power cut the other ends are not even told. */
  machineDied(machine: Machine, isPowerCut: boolean): void {
    for (const [address, listener] of this.#listeners)
      if (listener.machine === machine) this.#listeners.delete(address);
    for (const connection of [...this.connections]) connection.died(machine, isPowerCut);
  }
}

/** One TCP connection: frames in order each way, each direction with its own line. */
class Connection {
  readonly network: Network;
  readonly dialling: ConnectionEnd;
  readonly answering: ConnectionEnd;
  readonly jitter: number;

  constructor(network: Network, dialler: Machine, listener: Machine) {
    this.network = network;
    this.jitter = network.random.fraction();
    this.dialling = new ConnectionEnd(this, dialler);
    this.answering = new ConnectionEnd(this, listener);
    this.dialling.other = this.answering;
    this.answering.other = this.dialling;
    network.connections.add(this);
  }

  get isHalfDead(): boolean {
    return (
      this.dialling.isOpen !== this.answering.isOpen || !this.dialling.machine.alive || !this.answering.machine.alive
    );
  }

  mended(from: string, to: string): void {
    for (const end of [this.dialling, this.answering])
      if (end.machine.site === from && end.other?.machine.site === to) end.flush();
  }

  died(machine: Machine, isPowerCut: boolean): void {
    for (const end of [this.dialling, this.answering]) {
      if (end.machine !== machine) continue;
      if (isPowerCut) end.vanish();
      else end.destroy();
    }
    this.forgetWhenOver();
  }

  /** Something between the two ends forgets the connection: both are told at once. */
  lose(): void {
    for (const end of [this.dialling, this.answering]) end.arrive({ gone: 'the connection was reset' });
  }

  forgetWhenOver(): void {
    if (!this.dialling.isOpen && !this.answering.isOpen) this.network.connections.delete(this);
  }
}

type Packet = { readonly frame: Buffer } | { readonly gone: string };

/** One end of a connection, in the hands of its machine. */
export class ConnectionEnd {
  readonly machine: Machine;
  other: ConnectionEnd | undefined;
  isOpen = true;
  /** Frames that have not left yet: what a socket calls `writableLength`. */
  queuedBytes = 0;
  readonly #connection: Connection;
  #events: EndEvents | undefined;
  #lineFreeMs = 0;
  #lastArrivalMs = 0;
  /** What waits for a line that is cut. */
  #held: Packet[] = [];

  constructor(connection: Connection, machine: Machine) {
    [this.#connection, this.machine] = [connection, machine];
  }

  /** Where the other end is. */
  get remoteSite(): string {
    return this.other?.machine.site ?? '';
  }

  listen(events: EndEvents): void {
    this.#events = events;
  }

  send(frame: Buffer, sent: () => void): void {
    if (!this.isOpen) return;
    const { network } = this.#connection;
    network.bytesSent += frame.length;
    this.queuedBytes += frame.length;
    const line = network.line(this.machine.site, this.remoteSite);
    this.#lineFreeMs = Math.max(network.queue.nowMs, this.#lineFreeMs) + (frame.length / line.bytesPerSecond) * 1000;
    const leavesInMs = this.#lineFreeMs - network.queue.nowMs;
    const left = () => {
      this.queuedBytes -= frame.length;
      sent();
      if (this.queuedBytes === 0 && this.isOpen) this.#events?.drain();
    };
    // A frame leaves at once when the line is free: no event of its own for the many small ones.
    if (leavesInMs < 1) queueMicrotask(() => this.machine.alive && onMachine(this.machine, left));
    else this.machine.after(leavesInMs, 'a frame has left', left);
    this.#post({ frame }, leavesInMs);
  }

  /** Ends it at once; the other end is told as far as the line goes. */
  destroy(why = 'the other end reset the connection'): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.#post({ gone: why }, 0);
    this.#connection.forgetWhenOver();
  }

  /** The machine has lost its power: it says nothing any more. */
  vanish(): void {
    this.isOpen = false;
    this.#held = [];
  }

  /** The line is back. */
  flush(): void {
    for (const packet of this.#held.splice(0)) this.#post(packet, 0);
  }

  #post(packet: Packet, leavesInMs: number): void {
    const { network, jitter } = this.#connection;
    const line = network.line(this.machine.site, this.remoteSite);
    const { queue } = network;
    const inMs = leavesInMs + line.latencyMs + line.jitterMs * jitter;
    this.#lastArrivalMs = Math.max(this.#lastArrivalMs, queue.nowMs + inMs);
    queue.add(this.#lastArrivalMs - queue.nowMs, `${this.machine.site} to ${this.remoteSite}`, () => {
      if (line.cut || this.#held.length > 0) this.#held.push(packet);
      else this.other?.arrive(packet);
    });
  }

  arrive(packet: Packet): void {
    if (!this.isOpen) {
      // The kernel of a machine that runs answers for a connection that it does not know.
      if ('frame' in packet && this.#connection.network.isUp(this.machine.site))
        this.#post({ gone: 'the other end reset the connection' }, 0);
      return;
    }
    if ('frame' in packet) onMachine(this.machine, () => this.#events?.frame(packet.frame));
    else {
      this.isOpen = false;
      this.#connection.forgetWhenOver();
      onMachine(this.machine, () => this.#events?.gone(packet.gone));
    }
  }
}
