/** G4, as DESIGN says it. Packets of 1500 bytes, two of them. */
const secondMax = 1.02;
const secondMin = 0.98;
const burstMax = 2;
const slackBytes = 3000;
const settledAfterMs = 200;
/** What kernels sent too much of from before the change is missing in the second after. */
const paidBackMs = 1000;
/** In each millisecond that a process runs after a stall, it makes up for so much of it. */
const madeUpMs = 0.5;

/** One millisecond of a line. */
export interface Moment {
  readonly wireBytes: number;
  readonly limit: number;
  /** Somebody always has something to send that the line could take. */
  readonly hasBacklog: boolean;
  /** Written, and not sent by the kernel. */
  readonly heldBytes: number;
  /** Of these, written under another limit: nobody can take them back. */
  readonly formerBytes: number;
  readonly isStalled: boolean;
}

/** What was on the wire in each millisecond, and what the limit was. */
export class WireRecord {
  /** Sums up to each millisecond. */
  readonly #sums: number[] = [0];
  readonly #limits: number[] = [];
  /** Since when the limit is what it is, in each millisecond. */
  readonly #since: number[] = [];
  /** Until when nobody may complain of too little. */
  #paidBackMs = 0;
  readonly #paying: number[] = [];
  /** Since when there is a backlog that the line could take; -1: there is none. */
  readonly #backlog: number[] = [];
  readonly #held: number[] = [];
  readonly #stalledMs: number[] = [];

  note({ wireBytes, limit, hasBacklog, heldBytes, formerBytes, isStalled }: Moment): void {
    const at = this.#limits.length;
    const isSettled = at > 0 && this.#limits[at - 1] === limit && formerBytes === 0;
    this.#sums.push(this.#sums[at]! + wireBytes);
    this.#limits.push(limit);
    this.#since.push(isSettled ? this.#since[at - 1]! : at);
    if (formerBytes > 0) this.#paidBackMs = at + paidBackMs;
    this.#paying.push(this.#paidBackMs);
    const before = at > 0 ? this.#backlog[at - 1]! : -1;
    this.#backlog.push(hasBacklog ? (before < 0 ? at : before) : -1);
    this.#held.push(heldBytes);
    const stalledMs = this.#stalledMs[at - 1] ?? 0;
    this.#stalledMs.push(isStalled ? stalledMs + 1 : Math.max(0, stalledMs - madeUpMs));
  }

  /** The first breach of the guarantee in words; undefined when it was kept. */
  breach(): string | undefined {
    for (let end = 100; end < this.#limits.length; end += 5) {
      const limit = this.#limits[end - 1]!;
      if (limit === Number.POSITIVE_INFINITY) continue;
      const settledMs = this.#since[end - 1]! + settledAfterMs;
      const found =
        (end - 100 >= settledMs && this.#tooMuch(end, 100, burstMax * limit)) ||
        (end - 1000 >= settledMs && (this.#tooMuch(end, 1000, secondMax * limit) || this.#tooLittle(end, limit)));
      if (found) return found;
    }
    return undefined;
  }

  #tooMuch(end: number, spanMs: number, bytesPerSecond: number): string | undefined {
    const bytes = this.#sums[end]! - this.#sums[end - spanMs]!;
    if (bytes <= (bytesPerSecond * spanMs) / 1000 + slackBytes) return undefined;
    return `${Math.round(bytes)} bytes in ${spanMs} ms until ${end}, at a limit of ${this.#limits[end - 1]} bytes/s`;
  }

  #tooLittle(end: number, limit: number): string | undefined {
    const backlogMs = this.#backlog[end - 1]!;
    if (backlogMs < 0 || Math.max(backlogMs, this.#paying[end - 1]!) > end - 1000) return undefined;
    // What a slow line was given and still holds was taken.
    const bytes = this.#sums[end]! - this.#sums[end - 1000]! + this.#held[end - 1]!;
    // A process that did not run until just now wrote nothing, and makes up for that.
    const offered = limit * (secondMin - (this.#stalledMs[end - 1] ?? 0) / 1000);
    if (bytes >= offered - slackBytes) return undefined;
    return `only ${Math.round(bytes)} bytes in the second until ${end}, at a limit of ${limit} bytes/s`;
  }
}
