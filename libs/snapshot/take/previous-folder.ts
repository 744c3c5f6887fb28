import type { Entry } from '#model';
import { compareBytes } from '#runtime';
import { directorySegments, type NodeReader } from '../tree/directory-reader.ts';

/** One folder as the previous snapshot had it, asked for its entries in memcmp order of their names. */
export class PreviousFolder {
  readonly #segments: AsyncGenerator<Entry[]>;
  #entries: Entry[] = [];
  #at = 0;
  #ended = false;

  constructor(nodes: NodeReader, directoryHash: Uint8Array) {
    this.#segments = directorySegments(nodes, directoryHash);
  }

  /** The entry called `name`, if there was one; names before it are gone afterwards. */
  async entry(name: Uint8Array): Promise<Entry | undefined> {
    for (;;) {
      const entry = this.#entries[this.#at];
      if (entry === undefined) {
        if (!(await this.#nextSegment())) return undefined;
        continue;
      }
      const order = compareBytes(entry.name, name);
      if (order > 0) return undefined;
      this.#at += 1;
      if (order === 0) return entry;
    }
  }

  async #nextSegment(): Promise<boolean> {
    if (this.#ended) return false;
    this.#at = 0;
    this.#entries = [];
    try {
      const next = await this.#segments.next();
      if (next.done === true) this.#ended = true;
      else this.#entries = next.value;
    } catch {
      // The previous snapshot only saves work: of what it lost, everything is read anew.
      this.#ended = true;
    }
    return !this.#ended;
  }
}
