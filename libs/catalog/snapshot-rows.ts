import { equalBytes } from '#runtime';
import { keyOf, order32, order64, orderName, Table } from './view-keys.ts';
import type { DatasetView, SnapshotView } from './view-rows.ts';
import type { ViewStore } from './view-store.ts';

/** A row and where in its site's log it was said, in the order of the log. */
export interface Placed<T> {
  readonly view: T;
  readonly position: Uint8Array;
}

/**
 * Puts a snapshot and its ways in: by order of the log, by time, by id. What counts replaces what is superseded; of two
 * superseded ones the earlier stays. So the rows do not depend on the order of arrival.
 */
export function putSnapshot(views: ViewStore, author: Uint8Array, view: SnapshotView, position: Uint8Array): void {
  const key = snapshotKey(author, view.snapshotId);
  const before = views.get(key) as Placed<SnapshotView> | undefined;
  if (before !== undefined) {
    if (!replaces(view, position, before)) return;
    for (const way of snapshotWays(author, before)) views.remove(way);
  }
  views.put(key, { view, position });
  for (const way of snapshotWays(author, { view, position })) views.put(way, null);
}

/** Puts a dataset and its way in by name, by the same rule. */
export function putDataset(views: ViewStore, author: Uint8Array, view: DatasetView, position: Uint8Array): void {
  const key = keyOf(Table.dataset, author, view.datasetId);
  const before = views.get(key) as Placed<DatasetView> | undefined;
  if (before !== undefined) {
    if (!replaces(view, position, before)) return;
    for (const way of datasetWays(author, before)) views.remove(way);
  }
  views.put(key, { view, position });
  for (const way of datasetWays(author, { view, position })) views.put(way, null);
}

/** By id first: a prefix of an id finds it. */
export function snapshotKey(author: Uint8Array, snapshotId: Uint8Array): Uint8Array {
  return keyOf(Table.snapshot, snapshotId, author);
}

/** The keys under which a snapshot is found besides its own. */
export function snapshotWays(author: Uint8Array, { view, position }: Placed<SnapshotView>): Uint8Array[] {
  const ways = [keyOf(Table.snapshotOrder, author, view.datasetId, position, view.snapshotId)];
  if (view.started !== undefined) {
    const time = [order64(view.started.seconds), order32(view.started.nanos)];
    ways.push(keyOf(Table.snapshotTime, author, view.datasetId, ...time, view.snapshotId));
  }
  return ways;
}

export function datasetWays(author: Uint8Array, { view }: Placed<DatasetView>): Uint8Array[] {
  return view.name === undefined ? [] : [keyOf(Table.datasetByName, orderName(view.name), author, view.datasetId)];
}

function replaces(
  view: { readonly superseded: boolean },
  position: Uint8Array,
  before: Placed<{ readonly superseded: boolean }>,
): boolean {
  if (view.superseded !== before.view.superseded) return before.view.superseded;
  if (equalBytes(position, before.position)) return true;
  const isEarlier = Buffer.compare(position, before.position) < 0;
  return view.superseded ? isEarlier : !isEarlier;
}
