import type { SiteId } from '#model';
import type { CatalogEntry, DatasetCreated, SnapshotMade } from './entries.ts';
import type { CatalogViews } from './queries.ts';
import type { DatasetView, SnapshotView } from './view-rows.ts';

/** Datasets and snapshots of a site that stand only in batches that no longer count, as entries to say again. */
export function supersededEntries(views: CatalogViews, siteId: SiteId): CatalogEntry[] {
  const entries: CatalogEntry[] = [];
  const snapshots: CatalogEntry[] = [];
  for (const dataset of views.datasets(siteId)) {
    const again = dataset.superseded ? datasetEntry(dataset) : undefined;
    if (again !== undefined) entries.push(again);
  }
  for (const datasetId of views.datasetIdsOf(siteId)) {
    let after: string | undefined;
    do {
      const page = views.snapshots({ siteId, datasetId, oldestFirst: true, limit: 1000, after });
      for (const snapshot of page.snapshots) {
        const again = snapshot.superseded ? snapshotEntry(snapshot) : undefined;
        if (again !== undefined) snapshots.push(again);
      }
      after = page.next;
    } while (after !== undefined);
  }
  return [...entries, ...snapshots];
}

function datasetEntry({ datasetId, domainId, name, host, paths }: DatasetView): DatasetCreated | undefined {
  if (name === undefined || host === undefined) return undefined;
  return { kind: 'datasetCreated', datasetId, domainId, name, host, paths };
}

function snapshotEntry(view: SnapshotView): SnapshotMade | undefined {
  const { snapshotId, datasetId, domainId, rootId, lockSeconds, started, finished, totals, host } = view;
  if (started === undefined || finished === undefined || totals === undefined || host === undefined) return undefined;
  const said = { started, finished, totals, host };
  return { kind: 'snapshotMade', snapshotId, datasetId, domainId, rootId, lockSeconds, ...said };
}
