import { assert } from '#runtime';
import type { PackClass } from './pack-header.ts';
import { packName } from './pack-name.ts';

/**
 * `growing`: a writer has it. `left`: still `.open`, but nobody writes: a failure or a crash ended it and closing it was
 * not possible. `closed`: complete, with a footer.
 */
export type PackState = 'growing' | 'left' | 'closed';

export interface Pack {
  readonly number: number;
  readonly class: PackClass;
  state: PackState;
  /** Of a closed pack the whole file; else what is durable and may be read. */
  bytes: number;
  records: number;
}

/** The packs that exist. What is not in here does not: a place in another pack is absent, whatever the index says. */
export class PackTable {
  readonly #packs = new Map<number, Pack>();
  #highest = -1;

  add(pack: Pack): void {
    assert(!this.#packs.has(pack.number), `pack ${pack.number} is in the table already`);
    this.#packs.set(pack.number, pack);
    this.reserve(pack.number);
  }

  /** Numbers are never used again: not those of packs that are gone either. */
  reserve(number: number): void {
    this.#highest = Math.max(this.#highest, number);
  }

  nextNumber(): number {
    this.#highest += 1;
    return this.#highest;
  }

  /** The highest number of a pack that is there; -1 when none is. */
  highestExisting(): number {
    let highest = -1;
    for (const number of this.#packs.keys()) highest = Math.max(highest, number);
    return highest;
  }

  get(number: number): Pack | undefined {
    return this.#packs.get(number);
  }

  has(number: number): boolean {
    return this.#packs.has(number);
  }

  remove(number: number): void {
    this.#packs.delete(number);
  }

  /** In the order they were written. */
  inOrder(): Pack[] {
    return [...this.#packs.values()].sort((a, b) => a.number - b.number);
  }
}

/** The file of a pack as its state says. */
export function fileOf(pack: Pack): string {
  return packName(pack.number, pack.state === 'closed' ? 'pack' : 'open');
}
