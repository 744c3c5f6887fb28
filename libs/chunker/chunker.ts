import { assert } from '#runtime';
import { type ChunkerParameters, chunkerDefaults, cutRule } from './chunker-parameters.ts';
import { gearTable } from './gear-table.ts';
import { createKernel, inputAt, inputBytes, type Kernel } from './kernel.ts';

/**
 * Cuts content into chunks at places that the content itself chooses (proto/CHUNKING.md), so that an insertion changes
 * the chunks around it only. Works on bytes that lie in `input`: read files straight into it, and nothing is copied.
 * Synchronous, one content at a time, 10 MiB of memory that never grows; make one a thread and keep it.
 */
export class Chunker {
  /** Where content is put before it is cut, 10 MiB; offsets below are into it. The same view for life. */
  readonly input: Uint8Array;
  readonly #kernel: Kernel;

  private constructor(kernel: Kernel) {
    this.#kernel = kernel;
    this.input = new Uint8Array(kernel.memory.buffer, inputAt, inputBytes);
  }

  /** A chunker for the domain of `chunkerKey` (32 bytes, copied). */
  static create(chunkerKey: Uint8Array, parameters: ChunkerParameters = chunkerDefaults): Chunker {
    const rule = cutRule(parameters);
    const kernel = createKernel();
    new Uint8Array(kernel.memory.buffer).set(gearTable(chunkerKey), 0);
    kernel.configure(rule.minBytes, rule.normalBytes, rule.maxBytes, rule.rareLimit, rule.frequentLimit);
    return new Chunker(kernel);
  }

  /**
   * The end of the chunk that begins at `start`, where input[start, end) is content and `final` says that none follows
   * it. -1: read more, and call again with the same `start` (or move the rest to the front of `input`); never with
   * `final`, nor with `maxBytes` or more at hand. With nothing left (`start` = `end`, `final`) it is `start`.
   */
  findCut(start: number, end: number, final: boolean): number {
    this.#check(start, end);
    return this.#kernel.findCut(start, end, final ? 1 : 0);
  }

  /** How many zero bytes input[start, end) begins with. */
  zeroRun(start: number, end: number): number {
    this.#check(start, end);
    return this.#kernel.zeroRun(start, end);
  }

  /** The end of each chunk of a content that is wholly in memory; none for an empty one. Overwrites `input`. */
  cutPoints(content: Uint8Array): number[] {
    const cuts: number[] = [];
    for (let base = 0; base < content.length; ) {
      const part = content.subarray(base, base + inputBytes);
      this.input.set(part);
      let start = 0;
      while (start < part.length) {
        const cut = this.findCut(start, part.length, base + part.length === content.length);
        if (cut === -1) break;
        cuts.push(base + cut);
        start = cut;
      }
      base += start;
    }
    return cuts;
  }

  // The kernel trusts its caller, and an offset out of place would read the gear table as content.
  #check(start: number, end: number): void {
    const whole = Number.isInteger(start) && Number.isInteger(end);
    assert(whole && 0 <= start && start <= end && end <= inputBytes, `[${start}, ${end}) is not within the input`);
  }
}
