import { type Coding, chooseCoding } from './choose-coding.ts';
import { LineRate } from './line-rate.ts';

/** Messages that are made at the same time: one processor is left for the line. */
export const packersMax = 2;

/** After so many deltas in a row that brought nothing, contents of that kind are let be. */
const vainMax = 3;
/** How many messages are then not tried: a folder of films costs a sixteenth of what trying each would. */
const vainPause = 16;
/** Twice what one thread packs at the lowest level with a dictionary. */
const fastLineBytesPerSecond = 60e6;
/** What a delta brings until one was made. */
const assumedDeltaRatio = 0.3;
const speedBounds = [0.05, 4] as const;
/** A delta that saves less was in vain. */
const vainRatio = 0.9;

export interface PackTask {
  readonly storedBytes: number;
  readonly rawBytes: number;
  readonly hasDictionary: boolean;
}

/** Remembers how fast line and processor are, and what deltas bring, and asks for the coding that suits. */
export class CodingPace {
  readonly line: LineRate;
  #processorSpeed = 1;
  #deltaRatio = assumedDeltaRatio;
  #vain = 0;
  #skip = 0;
  readonly #limit: () => number | undefined;

  /** `limit`: what the line may or can carry, when somebody else knows it. */
  constructor(knownBytesPerSecond: number | undefined, limit: () => number | undefined) {
    this.line = new LineRate(knownBytesPerSecond);
    this.#limit = limit;
  }

  get #lineBytesPerSecond(): number {
    return Math.min(this.line.bytesPerSecond, this.#limit() ?? Number.POSITIVE_INFINITY);
  }

  /** The line takes more than the processor can pack of anything: nothing need be opened. */
  get isLineFaster(): boolean {
    return this.#lineBytesPerSecond >= fastLineBytesPerSecond;
  }

  choose(task: PackTask): Coding {
    if (task.hasDictionary && this.#skip > 0) {
      this.#skip -= 1;
      return undefined;
    }
    return chooseCoding({
      ...task,
      lineBytesPerSecond: this.#lineBytesPerSecond,
      processorSpeed: this.#processorSpeed,
      workers: packersMax,
      deltaRatio: this.#deltaRatio,
    });
  }

  /** What became of a task: the processor was as fast as `expectedMs` says, or not. */
  packed(task: PackTask, packedBytes: number, expectedMs: number, tookMs: number): void {
    const [slowest, fastest] = speedBounds;
    const speed = Math.min(fastest, Math.max(slowest, expectedMs / Math.max(tookMs, 0.1)));
    // What takes a few milliseconds tells of the scheduler, not of the processor.
    if (tookMs > 20) this.#processorSpeed = (3 * this.#processorSpeed + speed) / 4;
    if (!task.hasDictionary) return;
    const ratio = Math.min(1, packedBytes / Math.max(1, task.storedBytes));
    this.#deltaRatio = (3 * this.#deltaRatio + ratio) / 4;
    this.#vain = ratio > vainRatio ? this.#vain + 1 : 0;
    if (this.#vain < vainMax) return;
    this.#vain = 0;
    this.#skip = vainPause;
    this.#deltaRatio = assumedDeltaRatio;
  }
}
