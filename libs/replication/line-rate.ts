/** What is assumed of a line that nobody has measured: an office's uplink. */
const assumedBytesPerSecond = 4e6;
/** Shorter, and the time until an answer comes is most of what is measured. */
const measuredMsMin = 300;
/** A line that waits for the processor is taken for so much faster, and again, up to the square of it. */
const idleFactor = 2;
const idleFactorMax = 8;

/**
 * How fast the line is, judged by acknowledgements: bytes that were acknowledged while there was always something under way.
 * An acknowledgement comes only after the other end has stored what it covers, so its disk counts, too; that is right: what
 * is faster than its disk need not be compressed. While the line waits for the processor it cannot be measured, and is
 * taken for faster than it was, so that less time is spent a byte.
 */
export class LineRate {
  #measured: number | undefined;
  #idleFactor = 1;
  #underwayBytes = 0;
  #busySinceMs: number | undefined;
  #acknowledgedBytes = 0;

  constructor(knownBytesPerSecond: number | undefined) {
    this.#measured = knownBytesPerSecond;
  }

  get bytesPerSecond(): number {
    return (this.#measured ?? assumedBytesPerSecond) * this.#idleFactor;
  }

  /** Undefined until it has been measured. */
  get measured(): number | undefined {
    return this.#measured;
  }

  /** A message leaves. */
  left(bytes: number, nowMs: number): void {
    if (this.#underwayBytes === 0) {
      if (this.#busySinceMs !== undefined) this.#idleFactor = Math.min(idleFactorMax, this.#idleFactor * idleFactor);
      this.#busySinceMs = nowMs;
      this.#acknowledgedBytes = 0;
    }
    this.#underwayBytes += bytes;
  }

  acknowledged(bytes: number, nowMs: number): void {
    this.#underwayBytes -= bytes;
    this.#acknowledgedBytes += bytes;
    const busyMs = nowMs - (this.#busySinceMs ?? nowMs);
    if (busyMs < measuredMsMin) return;
    const rate = (this.#acknowledgedBytes * 1000) / busyMs;
    this.#measured = this.#measured === undefined ? rate : (this.#measured + rate) / 2;
    this.#idleFactor = 1;
    this.#busySinceMs = nowMs;
    this.#acknowledgedBytes = 0;
  }
}
