import type { Gate, GatedConnection, LinkShaper, TrafficClass, WireReading } from '../gate.ts';

export interface SocketOptions {
  /** What its line takes a second, of wire. */
  readonly lineBytesPerSecond: number;
  /** Of what is sent, so much is sent twice. */
  readonly lossRatio: number;
  /** Wire bytes a byte of payload. */
  readonly headerRatio: number;
  /** False: the kernel does not tell. */
  readonly tells: boolean;
}

/**
 * No more than this is written ahead. TCP_NOTSENT_LOWAT allows 128 KiB, but then says at once when there is room again; here
 * a socket is looked at once a millisecond, in which a fast line takes as much as that.
 */
const lowWaterBytes = 512 * 1024;

/** A sender with a connection: what it wants to send, and a kernel that sends what was written as its line and pace allow. */
export class SimulatedSocket implements GatedConnection {
  readonly gate: Gate;
  readonly sent = new Map<TrafficClass, number>();
  wireBytes = 0;
  /** Held since before the limit changed. */
  formerBytes = 0;
  lineBytesPerSecond: number;
  paceBytesPerSecond = Number.POSITIVE_INFINITY;
  readonly #options: SocketOptions;
  #classes: readonly TrafficClass[] = [];
  #unsent = 0;
  #pumping = false;

  constructor(link: LinkShaper, options: SocketOptions) {
    this.#options = options;
    this.lineBytesPerSecond = options.lineBytesPerSecond;
    this.gate = link.gate(this);
  }

  readonly wire = (): WireReading | undefined =>
    this.#options.tells ? { wireBytes: this.wireBytes, unsentBytes: this.#unsent } : undefined;

  readonly opened = (): void => this.#pump();

  readonly pace = (bytesPerSecond: number): void => {
    this.paceBytesPerSecond = bytesPerSecond;
  };

  /** Of wire, what the kernel holds. */
  get heldBytes(): number {
    return this.#unsent * this.#options.headerRatio * (1 + this.#options.lossRatio);
  }

  /** What it holds now was written under another limit than what will be. */
  limitChanges(): void {
    this.formerBytes = this.#unsent;
  }

  /** From now on it has an endless backlog of these classes. */
  want(classes: readonly TrafficClass[]): void {
    this.#classes = classes;
    this.#pump();
  }

  /** A small message that asks nobody. */
  heartbeat(bytes: number): void {
    this.#unsent += bytes;
    this.gate.spent(bytes);
  }

  /** The kernel sends for one millisecond; gives the bytes that went over the wire. */
  transmit(): number {
    const { lossRatio, headerRatio } = this.#options;
    const rate = Math.min(this.lineBytesPerSecond / headerRatio, this.paceBytesPerSecond) / (1 + lossRatio);
    const payload = Math.min(this.#unsent, rate / 1000);
    this.#unsent -= payload;
    this.formerBytes = Math.max(0, this.formerBytes - payload);
    const wire = payload * headerRatio * (1 + lossRatio);
    this.wireBytes += wire;
    return wire;
  }

  /** The process looks at its socket again. */
  drained(): void {
    if (this.#unsent < lowWaterBytes) this.#pump();
  }

  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    while (this.#unsent < lowWaterBytes && this.#sendOne());
    this.#pumping = false;
  }

  #sendOne(): boolean {
    const bytes = Math.min(this.gate.quantumBytes, 65_536);
    const admitted = this.#classes.find((trafficClass) => this.gate.admit(trafficClass, bytes));
    if (admitted === undefined) return false;
    this.#unsent += bytes;
    this.sent.set(admitted, (this.sent.get(admitted) ?? 0) + bytes);
    return true;
  }
}
