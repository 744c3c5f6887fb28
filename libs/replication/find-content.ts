import type { DomainId, RecordId } from '#model';
import { isAppError, toHex } from '#runtime';
import type { RecordView } from '#wire';
import { type RecordPlace, type RecordStore, readFound } from './ports.ts';

/** Brings records from peers: verified, stored here, durable. Returns the ids that no peer could give. */
export type FetchFromPeers = (domainId: DomainId, ids: readonly RecordId[]) => Promise<RecordId[]>;

/** A record here, and those of the wanted ids that it holds. */
export interface FoundRecord {
  readonly record: RecordView;
  readonly ids: readonly RecordId[];
}

export type Found = FoundRecord | { readonly missing: readonly RecordId[] };

/**
 * Reads the records that hold `ids`, in the order of their places, each once. What is not here or damaged here is
 * fetched from peers in one go at the end, so that good local content never waits for a line.
 */
export async function* findContent(
  store: RecordStore,
  domainId: DomainId,
  ids: readonly RecordId[],
  fetchFromPeers: FetchFromPeers | undefined,
): AsyncGenerator<Found> {
  const lost = new Map<string, RecordId>();
  yield* readLocal(store, domainId, ids, lost);
  if (lost.size === 0) return;
  const nowhere =
    fetchFromPeers === undefined ? [...lost.values()] : await fetchFromPeers(domainId, [...lost.values()]);
  for (const id of nowhere) lost.delete(toHex(id));
  const stillLost = new Map<string, RecordId>();
  yield* readLocal(store, domainId, [...lost.values()], stillLost);
  const missing = [...nowhere, ...stillLost.values()];
  if (missing.length > 0) yield { missing };
}

async function* readLocal(
  store: RecordStore,
  domainId: DomainId,
  ids: readonly RecordId[],
  lost: Map<string, RecordId>,
): AsyncGenerator<FoundRecord> {
  const placed: { readonly place: RecordPlace; readonly ids: RecordId[] }[] = [];
  const byPlace = new Map<string, (typeof placed)[number]>();
  const places = await store.locateMany(domainId, ids);
  for (const [i, id] of ids.entries()) {
    const place = places[i];
    if (place === undefined) {
      lost.set(toHex(id), id);
      continue;
    }
    const key = `${place.pack}:${place.offset}`;
    const known = byPlace.get(key);
    if (known === undefined) {
      const entry = { place, ids: [id] };
      byPlace.set(key, entry);
      placed.push(entry);
    } else known.ids.push(id);
  }
  placed.sort((a, b) => a.place.pack - b.place.pack || a.place.offset - b.place.offset);
  for (const [i, { place, ids: held }] of placed.entries()) {
    const record = await readGood(store, domainId, held[0] as RecordId, place);
    if (record === undefined) for (const id of held) lost.set(toHex(id), id);
    else yield { record, ids: held };
    placed[i] = { place, ids: [] };
  }
}

async function readGood(
  store: RecordStore,
  domainId: DomainId,
  id: RecordId,
  place: RecordPlace,
): Promise<RecordView | undefined> {
  try {
    return await readFound(store, domainId, id, place);
  } catch (error) {
    if (isAppError(error, 'record_damaged')) return undefined;
    throw error;
  }
}
