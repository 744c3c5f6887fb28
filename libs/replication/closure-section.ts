import { type RecordId, splitIds } from '#model';
import { RecordKind } from '#wire';
import type { RecordPlace } from './ports.ts';
import type { ClosureStep } from './walk-closure.ts';

/** Ids looked up together, and in a step at most: what fits one message of the protocol. */
export const stepIdsMax = 4096;

/** Keys of one generation of RecentKeys: two of them take about 10 MB. */
const recentKeysMax = 2 ** 16;

export interface FoundNode {
  readonly id: RecordId;
  readonly place: RecordPlace;
}

/** An id as a key of maps and sets: half the memory of its hexadecimal form. */
export function keyOf(id: RecordId): string {
  return Buffer.from(id.buffer, id.byteOffset, id.byteLength).toString('latin1');
}

/** As a disk reads. */
export function byPlace(a: FoundNode, b: FoundNode): number {
  return a.place.pack - b.place.pack || a.place.offset - b.place.offset;
}

/** Remembers the last 2^16 to 2^17 keys, for who saves work by not doing it again. */
export class RecentKeys {
  #young = new Set<string>();
  #old = new Set<string>();

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  has(key: string): boolean {
    return this.#young.has(key) || this.#old.has(key);
  }

  add(key: string): void {
    this.#young.add(key);
    if (this.#young.size < recentKeysMax) return;
    this.#old = this.#young;
    this.#young = new Set();
  }
}

export interface SectionOptions {
  readonly locate: (ids: readonly RecordId[]) => Promise<(RecordPlace | undefined)[]>;
  /** What the base has at this level; those that are met become true. */
  readonly base: Map<string, boolean>;
  /** Leaves that were looked up, and ids that were missing, a short while ago. */
  readonly recent: RecentKeys;
  readonly nodesMax: number;
}

/**
 * What nodes of one level refer to, less what the base has there: looked up batch by batch. Only the nodes among it are
 * kept, for their own references come next.
 */
export class ClosureSection {
  readonly nodes: FoundNode[] = [];
  readonly #options: SectionOptions;
  readonly #nodeKeys = new Set<string>();
  #batch = new Set<string>();

  constructor(options: SectionOptions) {
    this.#options = options;
  }

  get heldIds(): number {
    return this.nodes.length + this.#batch.size + this.#options.base.size;
  }

  /** By at most one batch more than `nodesMax`. */
  get isFull(): boolean {
    return this.nodes.length >= this.#options.nodesMax;
  }

  /** Returns true when a batch is complete and must be flushed. */
  take(id: RecordId): boolean {
    const { base, recent } = this.#options;
    const key = keyOf(id);
    // The same id means the same subtree, and the base was proved.
    if (base.has(key)) base.set(key, true);
    else if (!recent.has(key) && !this.#nodeKeys.has(key)) this.#batch.add(key);
    return this.#batch.size >= stepIdsMax;
  }

  /** Looks up what waits. */
  async *flush(): AsyncGenerator<ClosureStep> {
    if (this.#batch.size === 0) return;
    const batch = [...this.#batch];
    this.#batch = new Set();
    const ids = idsOf(batch);
    const places = await this.#options.locate(ids);
    const found: FoundNode[] = [];
    const missing: RecordId[] = [];
    for (const [i, id] of ids.entries()) {
      const [key, place] = [batch[i] as string, places[i]];
      if (place === undefined) missing.push(id);
      else found.push({ id, place });
      if (place?.kind === RecordKind.node) {
        // A copy: what is kept for long must not keep its whole batch in memory.
        this.nodes.push({ id: id.slice() as RecordId, place });
        this.#nodeKeys.add(key);
      } else this.#options.recent.add(key);
    }
    yield { records: byRecord(found), missing };
  }

  /** What of the base was not met. */
  *baseLeft(): Generator<RecordId> {
    for (const [key, isMet] of this.#options.base) if (!isMet) yield* idsOf([key]);
  }
}

/** The ids of keys, side by side in memory. */
function idsOf(keys: readonly string[]): RecordId[] {
  const bytes = new Uint8Array(Buffer.from(keys.join(''), 'latin1'));
  return splitIds('RecordId', bytes);
}

function byRecord(found: FoundNode[]): ClosureStep['records'] {
  const records: { readonly place: RecordPlace; readonly ids: RecordId[] }[] = [];
  for (const { id, place } of found.sort(byPlace)) {
    const last = records.at(-1);
    if (last !== undefined && last.place.pack === place.pack && last.place.offset === place.offset) last.ids.push(id);
    else records.push({ place, ids: [id] });
  }
  return records;
}
