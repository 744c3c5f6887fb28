import { AppError } from '#runtime';
import { type FoundNode, keyOf } from './closure-section.ts';

/**
 * Levels of nodes that FORMAT.md allows below a manifest: 4096 directories, each under at most 31 levels of indexes, and
 * a content list under at most 31 levels of lists.
 */
export const nodeLevelsMax = 1 + 4096 * (1 + 31) + (1 + 31);

/** How often nodes may be met again: no tree of files comes near, and it takes minutes rather than for ever. */
const repeatsMax = 2 ** 24;

/**
 * Refuses chains of references that no tree of Sitepair's has. Where ids are hashes there are none; a blind peer cannot
 * tell, and the owner of what it holds may have made nodes that refer to each other. Holds 131,105 ids at most.
 */
export class ReferenceChains {
  readonly #seen = new Set<string>();
  #repeats = 0;

  get size(): number {
    return this.#seen.size;
  }

  /** Before the references of nodes at this level, the root's being 0, are followed. Throws `references_impossible`. */
  enter(level: number, nodes: readonly FoundNode[]): void {
    if (level >= nodeLevelsMax) throw impossible(`refers to more than ${nodeLevelsMax} levels of nodes`);
    for (const { id } of nodes) {
      const key = keyOf(id);
      if (this.#seen.has(key)) this.#repeats += 1;
      else if (this.#seen.size < nodeLevelsMax) this.#seen.add(key);
    }
    // A chain of so many nodes has met one of them twice when there are not as many different ones.
    if (this.#seen.size < nodeLevelsMax && this.#seen.size <= level) throw impossible('refers to itself');
    if (this.#repeats > repeatsMax) throw impossible('refers to the same nodes over and over');
  }
}

function impossible(what: string): AppError {
  return new AppError(`the snapshot ${what}`, {
    code: 'references_impossible',
    advice: 'No version of Sitepair writes such records: look into who wrote them at the site that owns the snapshot.',
  });
}
