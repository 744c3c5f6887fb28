import type { DomainId, RecordId } from '#model';
import { isAppError } from '#runtime';
import { RecordKind } from '#wire';
import { byPlace, ClosureSection, type FoundNode, keyOf, RecentKeys, stepIdsMax } from './closure-section.ts';
import { type RecordPlace, type RecordStore, readFound } from './ports.ts';
import { ReferenceChains } from './reference-chains.ts';

/** Some ids of one record that a snapshot needs. */
export interface NeededRecord {
  readonly place: RecordPlace;
  readonly ids: readonly RecordId[];
}

/** A step of the walk: records that are here, and ids that are not, or turned out to be damaged. */
export interface ClosureStep {
  readonly records: readonly NeededRecord[];
  readonly missing: readonly RecordId[];
}

/** How a long walk is followed and ended. */
export interface WalkWatch {
  /** Ends the walk with its reason before the next batch. */
  readonly signal?: AbortSignal | undefined;
  /** Called after each batch of look-ups or reads: the walk gets on. */
  readonly onProgress?: (() => void) | undefined;
}

/** Nodes read at the same time: hides the disk's latency, holds at most 32 x 3 MiB. */
const readsInFlight = 32;

/** Nodes whose references are still to be walked, those of the base included: about 60 MB. */
const defaultNodesHeldMax = 2 ** 18;

/** Ids of the base that are left out at one level, leaves and nodes: about 80 MB. What it has beyond is only asked for in vain. */
const baseIdsMax = 2 ** 20;

/** Nodes of one level in the order of their place, read up to a reference; and those that the base has there instead. */
interface Frame {
  readonly level: number;
  readonly nodes: readonly FoundNode[];
  readonly baseNodes: readonly FoundNode[];
  at: number;
  reference: number;
}

/**
 * Walks everything below `root` level by level, by references only, so without a key. What `base` has at the same level
 * is left out together with all below it: nothing else lets a subtree be skipped, not even having its top.
 *
 * Memory is bounded, whatever the snapshot's size: leaves are looked up in batches of 4096 straight from their nodes'
 * references and never collected; a level with more nodes than there is room for (2^18 of all levels together, and a
 * batch a level) is walked in sections, each to its bottom before the next. An id that several nodes refer to may then
 * come more than once. Throws what ReferenceChains refuses, and the signal's reason.
 */
export class ClosureWalk {
  readonly #store: RecordStore;
  readonly #domainId: DomainId;
  readonly #watch: WalkWatch;
  readonly #chains = new ReferenceChains();
  readonly #recent = new RecentKeys();
  readonly #stack: Frame[] = [];
  readonly #nodesHeldMax: number;
  #nodesHeld = 0;
  #section: ClosureSection | undefined;

  constructor(store: RecordStore, domainId: DomainId, watch: WalkWatch = {}, nodesHeldMax = defaultNodesHeldMax) {
    this.#nodesHeldMax = nodesHeldMax;
    this.#store = store;
    this.#domainId = domainId;
    this.#watch = watch;
  }

  /** Ids in memory just now. */
  get heldIds(): number {
    return this.#nodesHeld + (this.#section?.heldIds ?? 0) + this.#recent.size + this.#chains.size;
  }

  async *steps(root: RecordId, base: RecordId | undefined): AsyncGenerator<ClosureStep> {
    const top = this.#newSection(new Map(base === undefined ? [] : [[keyOf(base), false]]));
    top.take(root);
    yield* top.flush();
    await this.#goBelow(top, 0);
    for (let frame = this.#pop(); frame !== undefined; frame = this.#pop()) {
      const section = this.#newSection(await this.#baseBelow(frame.baseNodes));
      yield* this.#read(frame, section);
      // What the section had no room for waits until everything below the section has been walked.
      if (frame.at < frame.nodes.length) this.#push(frame);
      await this.#goBelow(section, frame.level + 1);
    }
  }

  /** Gives the section what the frame's nodes refer to, until it is full. */
  async *#read(frame: Frame, section: ClosureSection): AsyncGenerator<ClosureStep> {
    while (frame.at < frame.nodes.length && !section.isFull) {
      const damaged: RecordId[] = [];
      const group = frame.nodes.slice(frame.at, frame.at + readsInFlight);
      for (const [i, references] of (await this.#referencesOf(group)).entries()) {
        if (references === undefined) damaged.push((group[i] as FoundNode).id);
        else {
          while (frame.reference < references.length && !section.isFull)
            if (section.take(references[frame.reference++] as RecordId)) yield* section.flush();
          if (frame.reference < references.length) break;
        }
        frame.at += 1;
        frame.reference = 0;
      }
      // Named as missing, so that a sender gives it once more; the later copy of an id counts.
      if (damaged.length > 0) yield { records: [], missing: damaged };
    }
    yield* section.flush();
  }

  async #goBelow(section: ClosureSection, level: number): Promise<void> {
    if (section.nodes.length === 0) return;
    this.#chains.enter(level, section.nodes);
    const nodes = section.nodes.sort(byPlace);
    this.#section = undefined;
    this.#nodesHeld += nodes.length;
    const baseNodes = await this.#nodesAmong(section.baseLeft());
    this.#nodesHeld -= nodes.length;
    this.#push({ level, nodes, baseNodes, at: 0, reference: 0 });
  }

  #newSection(base: Map<string, boolean>): ClosureSection {
    const section = new ClosureSection({
      locate: (ids) => this.#locate(ids),
      base,
      recent: this.#recent,
      nodesMax: this.#room(),
    });
    this.#section = section;
    return section;
  }

  /** Half of what is left, so that there is always room for the level below. */
  #room(): number {
    return Math.max(stepIdsMax, Math.floor((this.#nodesHeldMax - this.#nodesHeld) / 2));
  }

  #push(frame: Frame): void {
    this.#nodesHeld += frame.nodes.length + frame.baseNodes.length;
    this.#stack.push(frame);
  }

  #pop(): Frame | undefined {
    const frame = this.#stack.pop();
    if (frame !== undefined) this.#nodesHeld -= frame.nodes.length + frame.baseNodes.length;
    return frame;
  }

  async #locate(ids: readonly RecordId[]): Promise<(RecordPlace | undefined)[]> {
    const places = await this.#store.locateMany(this.#domainId, ids);
    this.#goOn();
    return places;
  }

  /** A base that has lost something is no reason to fail: what cannot be looked up or read is simply not left out. */
  async #nodesAmong(ids: Iterator<RecordId>): Promise<FoundNode[]> {
    const nodes: FoundNode[] = [];
    const room = this.#room();
    for (let batch = nextBatch(ids); batch.length > 0 && nodes.length < room; batch = nextBatch(ids))
      for (const [i, place] of (await this.#locate(batch)).entries())
        if (place?.kind === RecordKind.node) nodes.push({ id: batch[i] as RecordId, place });
    return nodes.sort(byPlace);
  }

  /** What the base's nodes refer to: the value tells whether it was met in the snapshot. */
  async #baseBelow(nodes: readonly FoundNode[]): Promise<Map<string, boolean>> {
    const below = new Map<string, boolean>();
    for (let at = 0; at < nodes.length; at += readsInFlight)
      for (const references of await this.#referencesOf(nodes.slice(at, at + readsInFlight)))
        for (const id of references ?? []) {
          if (below.size >= baseIdsMax) return below;
          below.set(keyOf(id), false);
        }
    return below;
  }

  /** Undefined for what the disk no longer gives as it was written. */
  async #referencesOf(nodes: readonly FoundNode[]): Promise<(readonly RecordId[] | undefined)[]> {
    const read = await Promise.all(nodes.map((node) => referencesOf(this.#store, this.#domainId, node)));
    this.#goOn();
    return read;
  }

  #goOn(): void {
    this.#watch.signal?.throwIfAborted();
    this.#watch.onProgress?.();
  }
}

/** All steps of a ClosureWalk. */
export function walkClosure(
  store: RecordStore,
  domainId: DomainId,
  root: RecordId,
  base: RecordId | undefined,
  watch?: WalkWatch,
): AsyncGenerator<ClosureStep> {
  return new ClosureWalk(store, domainId, watch).steps(root, base);
}

function nextBatch(ids: Iterator<RecordId>): RecordId[] {
  const batch: RecordId[] = [];
  while (batch.length < stepIdsMax) {
    const { value, done } = ids.next();
    if (done) break;
    batch.push(value);
  }
  return batch;
}

async function referencesOf(
  store: RecordStore,
  domainId: DomainId,
  { id, place }: FoundNode,
): Promise<readonly RecordId[] | undefined> {
  try {
    return (await readFound(store, domainId, id, place)).references;
  } catch (error) {
    if (isAppError(error, 'record_damaged')) return undefined;
    throw error;
  }
}
