import type { RecordId } from '#model';
import { toHex } from '#runtime';
import { RecordKind } from '#wire';
import type { ContentReader } from './content-reader.ts';
import type { EarlierVersions } from './earlier-versions.ts';
import type { OpenedRecord } from './open-wanted.ts';
import { SimilarContents } from './similar-contents.ts';
import { type Sketch, sketchedBytesMin, sketchOf } from './sketch.ts';

/** What is read of files that are gone, to know what they looked like. */
const goneBytesMax = 32 * 1024 * 1024;

/** Finds for new contents what the receiver has of their kind: first the earlier version, then what looks alike. */
export class DictionaryFinder {
  readonly #reader: ContentReader;
  readonly #earlier: EarlierVersions;
  readonly #similar = new SimilarContents();
  /** Of contents that are on their way: the receiver has them once they are acknowledged. */
  readonly #sketches = new Map<string, Sketch>();
  #goneRead: Promise<void> | undefined;

  constructor(reader: ContentReader, earlier: EarlierVersions) {
    [this.#reader, this.#earlier] = [reader, earlier];
  }

  /** Ids that the receiver holds, each once, the likeliest first. */
  async idsFor({ record, ids, contents }: OpenedRecord): Promise<RecordId[]> {
    const found = new Map<string, RecordId>();
    for (const [i, id] of ids.entries()) {
      const earlier = await this.#earlier.of(id);
      const content = contents[i] as Uint8Array;
      const isLeaf = record.kind === RecordKind.leaf;
      for (const one of earlier.length > 0 || !isLeaf ? earlier : await this.#alike(id, content))
        found.set(toHex(one), one);
    }
    return [...found.values()];
  }

  acknowledged(ids: readonly RecordId[]): void {
    for (const id of ids) {
      const sketch = this.#sketches.get(toHex(id));
      if (sketch === undefined) continue;
      this.#sketches.delete(toHex(id));
      this.#similar.add(id, sketch);
    }
  }

  async #alike(id: RecordId, content: Uint8Array): Promise<RecordId[]> {
    if (content.length < sketchedBytesMin) return [];
    this.#goneRead ??= this.#readGone();
    await this.#goneRead;
    const sketch = sketchOf(content);
    if (sketch === undefined) return [];
    this.#sketches.set(toHex(id), sketch);
    return this.#similar.find(sketch);
  }

  async #readGone(): Promise<void> {
    let bytes = 0;
    for (const id of await this.#earlier.gone()) {
      const [content] = await this.#reader.read([id], goneBytesMax - bytes);
      bytes += content?.length ?? 0;
      if (bytes >= goneBytesMax) return;
      const sketch = content && sketchOf(content);
      if (sketch !== undefined) this.#similar.add(id, sketch);
    }
  }
}
