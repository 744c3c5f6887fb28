/**
 * What a limit may be behind of, and still make up for: a process that stalls for 20 ms again and again, and whose timers are
 * late, keeps its rate with 60 ms and loses 6 % with 20 (measured).
 */
const burstMs = 60;
/** What is kept of a right that nobody used. More would make the second that begins with it exceed 1.02 of the limit. */
const idleMs = 30;
/** Of the bytes in any second over what the limit allows in it: below the 1.02 of the guarantee by what counting may be late. */
const secondMax = 1.01;
const packetBytes = 1500;

const slotMs = 5;
/** One second, and the slot that it begins within. */
const slots = 201;

/** Bytes charged before a lower limit came may still be on their way for as long; then they count as if they were of it. */
const formerMs = 200;
/** More of them may be seen on the wire than was charged: headers of small segments, retransmissions. */
const formerGrowth = 1.15;

/**
 * A wire bucket: what may go now is limit x time minus what is really on the wire, minus what is on its way there. Beside it
 * stands a count of the last second, so that what was caught up after a stall never makes a second too full.
 */
export class RateLimit {
  #bytesPerSecond = Number.POSITIVE_INFINITY;
  /** Bytes that may go now; below zero it is a debt. */
  #level = 0;
  #atMs = 0;
  /** Charged, and soon to be on the wire; told anew at each settling, so that no error adds up. */
  pendingBytes = 0;
  /** Of these, what was charged under another limit. */
  #former = 0;
  #formerEndMs = 0;
  readonly #wire = new Float64Array(slots);
  readonly #allowed = new Float64Array(slots);
  #slot = 0;
  #wireSum = 0;
  #allowedSum = 0;

  get bytesPerSecond(): number {
    return this.#bytesPerSecond;
  }

  get isLimited(): boolean {
    return this.#bytesPerSecond !== Number.POSITIVE_INFINITY;
  }

  /** Holds from now on; what was saved or owed keeps its length in time. */
  set(bytesPerSecond: number, nowMs: number): void {
    if (bytesPerSecond === this.#bytesPerSecond) return;
    this.advance(nowMs, false);
    const before = this.#bytesPerSecond;
    const isKnown = Number.isFinite(before) && before > 0 && Number.isFinite(bytesPerSecond);
    this.#level = isKnown ? this.#level * (bytesPerSecond / before) : 0;
    this.#bytesPerSecond = bytesPerSecond;
    // A surplus of a hundredth of the old limit may be half a second of the new one.
    if (isKnown && bytesPerSecond >= 0.8 * before) return;
    this.#former = this.pendingBytes * formerGrowth;
    this.#formerEndMs = nowMs + formerMs;
    this.#begin(nowMs);
  }

  /** Lets time pass. `wanted`: somebody waited for this limit all the while, so that all of it may be made up for. */
  advance(nowMs: number, wanted: boolean): void {
    const elapsedMs = nowMs - this.#atMs;
    this.#atMs = nowMs;
    if (!this.isLimited || elapsedMs <= 0) return;
    const perMs = this.#bytesPerSecond / 1000;
    this.#level = Math.min(this.#level + elapsedMs * perMs, Math.max(this.#level, (wanted ? burstMs : idleMs) * perMs));
    this.#slide(nowMs, elapsedMs, perMs);
    if (nowMs >= this.#formerEndMs) this.#former = 0;
  }

  /** True: this many bytes of wire may go now. One larger than the burst goes when that is full, and leaves a debt. */
  allows(wireBytes: number): boolean {
    if (!this.isLimited) return true;
    if (this.#bytesPerSecond <= 0) return false;
    const needed = this.#needed(wireBytes);
    if (this.#level < needed) return false;
    const unsent = Math.max(0, this.pendingBytes - this.#former);
    return this.#wireSum + unsent + needed <= secondMax * this.#allowedSum + packetBytes;
  }

  /** How long until it is worth asking `allows` again; Infinity while the limit is zero. */
  waitMs(wireBytes: number): number {
    if (this.#bytesPerSecond <= 0) return Number.POSITIVE_INFINITY;
    return ((this.#needed(wireBytes) - this.#level) * 1000) / this.#bytesPerSecond;
  }

  /** What was not used when everybody had been asked is not saved up. */
  forgetUnused(): void {
    if (this.isLimited) this.#level = Math.min(this.#level, (idleMs * this.#bytesPerSecond) / 1000);
  }

  /** So many bytes of wire will be written now; less than none: they will not. */
  charge(wireBytes: number): void {
    if (this.isLimited) this.#level -= wireBytes;
    this.pendingBytes += wireBytes;
  }

  /** `wireBytes` were seen on the wire, for which `missedBytes` too few (or too many: below zero) had been charged. */
  sent(wireBytes: number, missedBytes: number): void {
    const former = Math.min(this.#former, Math.max(0, wireBytes));
    const ofThisLimit = former === 0 ? 1 : 1 - former / wireBytes;
    if (this.isLimited) this.#level -= missedBytes * ofThisLimit;
    this.#former -= former;
    this.#wire[this.#slot % slots]! += wireBytes - former;
    this.#wireSum += wireBytes - former;
  }

  #needed(wireBytes: number): number {
    return Math.min(wireBytes, (burstMs * this.#bytesPerSecond) / 1000);
  }

  /** The second before is taken to have been exactly full. */
  #begin(nowMs: number): void {
    const slotBytes = this.isLimited ? (this.#bytesPerSecond * slotMs) / 1000 : 0;
    this.#wire.fill(slotBytes);
    this.#allowed.fill(slotBytes);
    this.#wireSum = slots * slotBytes;
    this.#allowedSum = this.#wireSum;
    this.#slot = Math.floor(nowMs / slotMs);
  }

  #slide(nowMs: number, elapsedMs: number, perMs: number): void {
    const slot = Math.floor(nowMs / slotMs);
    if (slot - this.#slot >= slots) {
      this.#begin(nowMs);
      this.#wire.fill(0);
      this.#wireSum = 0;
      return;
    }
    const firstMs = Math.max(0, Math.min(elapsedMs, (this.#slot + 1) * slotMs - (nowMs - elapsedMs)));
    this.#allow(this.#slot, firstMs * perMs);
    let leftMs = elapsedMs - firstMs;
    while (this.#slot < slot) {
      this.#slot += 1;
      const index = this.#slot % slots;
      this.#wireSum -= this.#wire[index]!;
      this.#allowedSum -= this.#allowed[index]!;
      this.#wire[index] = 0;
      this.#allowed[index] = 0;
      const hereMs = Math.min(leftMs, slotMs);
      this.#allow(this.#slot, hereMs * perMs);
      leftMs -= hereMs;
    }
  }

  #allow(slot: number, bytes: number): void {
    this.#allowed[slot % slots]! += bytes;
    this.#allowedSum += bytes;
  }
}
