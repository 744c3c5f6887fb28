import type { DomainId, RecordId } from '#model';
import { toHex } from '#runtime';
import { RecordKind, type RecordView } from '#wire';
import type { RecordPlace, RecordStore } from './ports.ts';

/** Some ids of one record that a snapshot needs. */
export interface NeededRecord {
  readonly place: RecordPlace;
  readonly ids: readonly RecordId[];
}

/** A step of the walk: records that are here, and ids that are not. */
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
    const nodes: RecordPlace[] = [];
    for (const step of stepsOf(store, domainId, level)) {
      for (const record of step.records) if (record.place.kind === RecordKind.node) nodes.push(record.place);
      yield step;
    }
    level = await referencesBelow(store, nodes);
    baseLevel = level.size === 0 ? baseLevel : await referencesBelow(store, nodePlaces(store, domainId, baseLevel));
  }
}

/** What both have at one level needs no look below: the same id means the same subtree, and the base was proved. */
function dropCommon(level: Map<string, RecordId>, baseLevel: Map<string, RecordId>): void {
  for (const key of level.keys()) {
    if (baseLevel.delete(key)) level.delete(key);
  }
}

function* stepsOf(store: RecordStore, domainId: DomainId, level: Map<string, RecordId>): Generator<ClosureStep> {
  const located: { readonly id: RecordId; readonly place: RecordPlace }[] = [];
  let missing: RecordId[] = [];
  for (const id of level.values()) {
    const place = store.locate(domainId, id);
    if (place === undefined) missing.push(id);
    else located.push({ id, place });
    if (missing.length === stepIdsMax) {
      yield { records: [], missing };
      missing = [];
    }
  }
  if (missing.length > 0) yield { records: [], missing };
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

function nodePlaces(store: RecordStore, domainId: DomainId, level: Map<string, RecordId>): RecordPlace[] {
  const places: RecordPlace[] = [];
  for (const id of level.values()) {
    const place = store.locate(domainId, id);
    // A base that has lost something is no reason to fail: what cannot be looked up is simply not left out.
    if (place?.kind === RecordKind.node) places.push(place);
  }
  return places;
}

async function referencesBelow(store: RecordStore, nodes: readonly RecordPlace[]): Promise<Map<string, RecordId>> {
  const below = new Map<string, RecordId>();
  for (let at = 0; at < nodes.length; at += readsInFlight) {
    const views: RecordView[] = await Promise.all(
      nodes.slice(at, at + readsInFlight).map((place) => store.readAt(place)),
    );
    for (const view of views) {
      // A copy of each id: a view would keep the whole record in memory.
      for (const id of view.references) below.set(toHex(id), id.slice() as RecordId);
    }
  }
  return below;
}
