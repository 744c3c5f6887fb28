import type { RecordId } from '#model';
import { toHex } from '#runtime';
import type { Sketch } from './sketch.ts';

/** Super-features that are remembered, the newest ones: about 10 MB. */
const featuresMax = 2 ** 16;
/** Candidates for one content. */
const foundMax = 3;

/** Contents that the receiver holds, findable by what they look like. */
export class SimilarContents {
  readonly #byFeature = new Map<string, RecordId>();

  add(id: RecordId, sketch: Sketch): void {
    for (const [group, feature] of sketch.entries()) {
      const key = `${group}:${feature}`;
      this.#byFeature.delete(key);
      this.#byFeature.set(key, id);
      if (this.#byFeature.size <= featuresMax) continue;
      for (const oldest of this.#byFeature.keys()) {
        this.#byFeature.delete(oldest);
        break;
      }
    }
  }

  /** The ids of contents that share a super-feature, those that share most first. */
  find(sketch: Sketch): RecordId[] {
    const found = new Map<string, { readonly id: RecordId; count: number }>();
    for (const [group, feature] of sketch.entries()) {
      const id = this.#byFeature.get(`${group}:${feature}`);
      if (id === undefined) continue;
      const known = found.get(toHex(id));
      if (known === undefined) found.set(toHex(id), { id, count: 1 });
      else known.count += 1;
    }
    const all = [...found.values()].sort((a, b) => b.count - a.count);
    return all.slice(0, foundMax).map(({ id }) => id);
  }
}
