/** Chance from a seed (splitmix32): the same name and number give the same input on every machine. */
export class SeededRandom {
  #state: number;

  constructor(name: string, number: number) {
    let state = 0x9e3779b9 ^ number ^ Math.floor(number / 2 ** 32);
    for (let i = 0; i < name.length; i++) state = Math.imul(state ^ name.charCodeAt(i), 0x01000193);
    this.#state = state >>> 0;
  }

  uint32(): number {
    this.#state = (this.#state + 0x9e3779b9) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  }

  /** Uniform in [0, 1): the Random port's. */
  fraction(): number {
    return this.uint32() / 2 ** 32;
  }

  /** From 0 to `end` - 1; 0 when there is nothing to choose from. */
  below(end: number): number {
    return end <= 1 ? 0 : Math.floor(this.fraction() * end);
  }

  chance(share: number): boolean {
    return this.fraction() < share;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }

  bytes(count: number): Uint8Array {
    const bytes = Buffer.allocUnsafe(count);
    for (let i = 0; i < count; i++) bytes[i] = this.uint32();
    return new Uint8Array(bytes);
  }
}
