// Stands in for libs/runtime/random.ts: the "system's" chance is the machine's own, drawn from the seed of the run.
import type { Random } from '#runtime';
import { currentMachine, runningMachine } from './machine.ts';

/** sfc32: small, fast, and the same again for the same seed. Not for secrets. */
export class SeededRandom implements Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: number, stream = 0) {
    [this.#a, this.#b, this.#c] = [seed | 0, (seed / 2 ** 32) | 0, stream | 0];
    for (let i = 0; i < 16; i++) this.uint32();
  }

  uint32(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (this.#c << 21) | (this.#c >>> 11);
    this.#c = (this.#c + sum) | 0;
    return sum >>> 0;
  }

  bytes(count: number): Uint8Array {
    const bytes = new Uint8Array(count);
    for (let i = 0; i < count; i += 4) {
      const word = this.uint32();
      for (let j = i; j < Math.min(i + 4, count); j++) bytes[j] = (word >>> (8 * (j - i))) & 0xff;
    }
    return bytes;
  }

  fraction(): number {
    return this.uint32() / 2 ** 32;
  }

  /** A whole number from `from` to `to`, both included. */
  between(from: number, to: number): number {
    return from + Math.floor(this.fraction() * (to - from + 1));
  }

  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  pick<T>(items: readonly T[]): T {
    if (items.length === 0) throw new Error('bug: nothing to pick from');
    return items[Math.floor(this.fraction() * items.length)] as T;
  }

  /** A random number with this mean, most of them smaller, some far larger. */
  exponential(mean: number): number {
    return -Math.log(1 - this.fraction()) * mean;
  }
}

export const systemRandom: Random = {
  bytes: (count) => runningMachine().random.bytes(count),
  fraction: () => (currentMachine() === undefined ? 0.5 : runningMachine().random.fraction()),
};
