import type { ContentListPart, Extent } from '#model';
import { encodeNode } from '#wire';
import { cutParts, cutsBefore } from './cut-parts.ts';
import { treeLimits } from './tree-limits.ts';

/** What an entry says of a file's content: its few extents, or the hash of a list. */
export interface WrittenContent {
  readonly extents: Extent[];
  readonly contentListHash: Uint8Array;
  readonly length: number;
}

const noHash = new Uint8Array(0);

/** Collects the extents of one file in order; lists of them leave as they fill (FORMAT.md section 5). */
export class ContentWriter {
  readonly #put: (payload: Uint8Array) => Uint8Array;
  #extents: Extent[] = [];
  readonly #parts: ContentListPart[] = [];
  #length = 0;

  constructor(put: (payload: Uint8Array) => Uint8Array) {
    this.#put = put;
  }

  /** Bytes so far. */
  get length(): number {
    return this.#length;
  }

  addChunk(chunkHash: Uint8Array, length: number): void {
    this.#add({ chunkHash, length });
  }

  /** A run of zeros, joined with the one before it. */
  addZeros(length: number): void {
    if (length === 0) return;
    const last = this.#extents.at(-1);
    if (last?.chunkHash.length === 0) {
      last.length += length;
      this.#length += length;
    } else this.#add({ chunkHash: noHash, length });
  }

  finish(): WrittenContent {
    if (this.#parts.length === 0 && this.#extents.length <= treeLimits.inlineExtents) {
      return { extents: this.#extents, contentListHash: noHash, length: this.#length };
    }
    this.#putExtents();
    let parts = this.#parts;
    while (parts.length > 1) parts = cutParts(parts, (part) => part.nodeHash).map((part) => this.#putParts(part));
    return { extents: [], contentListHash: parts[0]?.nodeHash ?? noHash, length: this.#length };
  }

  #add(extent: Extent): void {
    if (cutsBefore(this.#extents.length, extent.chunkHash)) this.#putExtents();
    this.#extents.push(extent);
    this.#length += extent.length;
  }

  #putExtents(): void {
    const extents = this.#extents;
    this.#extents = [];
    const nodeHash = this.#put(encodeNode({ type: 'contentList', contentList: { extents, parts: [] } }));
    this.#parts.push({ nodeHash, length: sumOfLengths(extents) });
  }

  #putParts(parts: ContentListPart[]): ContentListPart {
    const nodeHash = this.#put(encodeNode({ type: 'contentList', contentList: { extents: [], parts } }));
    return { nodeHash, length: sumOfLengths(parts) };
  }
}

function sumOfLengths(items: readonly { readonly length: number }[]): number {
  return items.reduce((sum, item) => sum + item.length, 0);
}
