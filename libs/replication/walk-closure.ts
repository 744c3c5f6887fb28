import type { DomainId, RecordId } from '#model';
import { isAppError, toHex } from '#runtime';
import { RecordKind } from '#wire';
import { type RecordPlace, type RecordStore, readFound } from './ports.ts';

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

/** Ids a step holds at most: what fits one message of the protocol. */
const stepIdsMax = 4096;

/** Nodes read at the same time: hides the disk's latency, holds at most 32 x 3 MiB. */
const readsInFlight = 32;

/**
 * Walks everything below `root` level by level, by references only, so without a key. What `base` has at the same level
 * is left out together with all below it: nothing else lets a subtree be skipped, not even having its top.
 * Each level's ids are held in memory (20 bytes each and their map entry).
 */
export async function* walkClosure(
  store: RecordStore,
  domainId: DomainId,
  root: RecordId,
  base: RecordId | undefined,
): AsyncGenerator<ClosureStep> {
  let level = new Map([[toHex(root), root]]);
  let baseLevel = base === undefined ? new Map<string, RecordId>() : new Map([[toHex(base), base]]);
  while (level.size > 0) {
    dropCommon(level, baseLevel);
    const nodes: FoundNode[] = [];
    for await (const step of stepsOf(store, domainId, level)) {
      for (const { place, ids } of step.records)
        if (place.kind === RecordKind.node) nodes.push(...ids.map((id) => ({ id, place })));
      yield step;
    }
    const { below, damaged } = await referencesBelow(store, domainId, nodes);
    // Named as missing, so that a sender gives it once more; the later copy of an id counts.
    if (damaged.length > 0) yield { records: [], missing: damaged };
    level = below;
    if (level.size > 0)
      baseLevel = (await referencesBelow(store, domainId, await nodesAmong(store, domainId, baseLevel))).below;
  }
}

/** What both have at one level needs no look below: the same id means the same subtree, and the base was proved. */
function dropCommon(level: Map<string, RecordId>, baseLevel: Map<string, RecordId>): void {
  for (const key of level.keys()) {
    if (baseLevel.delete(key)) level.delete(key);
  }
}

async function* stepsOf(
  store: RecordStore,
  domainId: DomainId,
  level: Map<string, RecordId>,
): AsyncGenerator<ClosureStep> {
  const located: { readonly id: RecordId; readonly place: RecordPlace }[] = [];
  const ids = [...level.values()];
  for (let at = 0; at < ids.length; at += stepIdsMax) {
    const batch = ids.slice(at, at + stepIdsMax);
    const places = await store.locateMany(domainId, batch);
    const missing: RecordId[] = [];
    for (const [i, id] of batch.entries()) {
      const place = places[i];
      if (place === undefined) missing.push(id);
      else located.push({ id, place });
    }
    if (missing.length > 0) yield { records: [], missing };
  }
  located.sort((a, b) => a.place.pack - b.place.pack || a.place.offset - b.place.offset);
  let records: { place: RecordPlace; ids: RecordId[] }[] = [];
  let count = 0;
  for (const { id, place } of located) {
    const last = records.at(-1);
    if (last !== undefined && last.place.pack === place.pack && last.place.offset === place.offset) last.ids.push(id);
    else {
      if (count >= stepIdsMax / 2) {
        yield { records, missing: [] };
        [records, count] = [[], 0];
      }
      records.push({ place, ids: [id] });
    }
    count += 1;
    if (count === stepIdsMax) {
      yield { records, missing: [] };
      [records, count] = [[], 0];
    }
  }
  if (records.length > 0) yield { records, missing: [] };
}

interface FoundNode {
  readonly id: RecordId;
  readonly place: RecordPlace;
}

/** A base that has lost something is no reason to fail: what cannot be looked up or read is simply not left out. */
async function nodesAmong(store: RecordStore, domainId: DomainId, level: Map<string, RecordId>): Promise<FoundNode[]> {
  const ids = [...level.values()];
  const places = await store.locateMany(domainId, ids);
  return ids.flatMap((id, i) => {
    const place = places[i];
    return place?.kind === RecordKind.node ? [{ id, place }] : [];
  });
}

/** What the nodes refer to; `damaged` are those that the disk no longer gives as they were written. */
async function referencesBelow(
  store: RecordStore,
  domainId: DomainId,
  nodes: readonly FoundNode[],
): Promise<{ readonly below: Map<string, RecordId>; readonly damaged: readonly RecordId[] }> {
  const below = new Map<string, RecordId>();
  const damaged: RecordId[] = [];
  for (let at = 0; at < nodes.length; at += readsInFlight) {
    const reads = nodes.slice(at, at + readsInFlight).map((node) => referencesOf(store, domainId, node));
    for (const [i, references] of (await Promise.all(reads)).entries()) {
      if (references === undefined) damaged.push((nodes[at + i] as FoundNode).id);
      // A copy of each id: a view would keep the whole record in memory.
      else for (const id of references) below.set(toHex(id), id.slice() as RecordId);
    }
  }
  return { below, damaged };
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
