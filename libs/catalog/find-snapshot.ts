import type { SiteId, SnapshotReference } from '#model';
import { AppError, equalBytes, toHex } from '#runtime';
import type { CatalogViews } from './queries.ts';
import type { DatasetView, SnapshotView } from './view-rows.ts';

// So short a prefix is a typing error, not a choice.
const prefixDigitsMin = 6;
// Enough for a person to see which ones were meant.
const listedMax = 10;
const timePattern = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)?)?$/;

/**
 * The snapshot that people mean (DESIGN 11). A bare dataset is this site's own, else the only one of that name. `latest`
 * is the last in its site's log; a time is the newest that started at or before it, in local time unless it says
 * otherwise. Throws `dataset_unknown`, `dataset_ambiguous`, `snapshot_unknown`, `snapshot_ambiguous`, `site_unknown`,
 * `bad_snapshot_reference`.
 */
export function findSnapshot(views: CatalogViews, reference: SnapshotReference, ownSiteId: SiteId): SnapshotView {
  return reference.by === 'id' ? findById(views, reference.prefix) : findByDataset(views, reference, ownSiteId);
}

function findById(views: CatalogViews, prefix: string): SnapshotView {
  if (prefix.length < prefixDigitsMin || !/^[0-9a-f]+$/.test(prefix)) {
    throw new AppError(`"${prefix.slice(0, 50)}" is too short for a snapshot id`, {
      code: 'bad_snapshot_reference',
      advice: `Give at least ${prefixDigitsMin} hexadecimal digits of the id.`,
    });
  }
  const found = views.snapshotsById(prefix);
  const [first] = found;
  if (first === undefined) throw snapshotUnknown(prefix);
  const ids = [...new Set(found.map((snapshot) => toHex(snapshot.snapshotId)))];
  if (ids.length === 1) return found.find((snapshot) => !snapshot.superseded) ?? first;
  throw new AppError(`${ids.length} snapshots begin with ${prefix}`, {
    code: 'snapshot_ambiguous',
    advice: `Give more digits: ${ids.slice(0, listedMax).join(', ')}.`,
    details: { snapshots: ids },
  });
}

function findByDataset(
  views: CatalogViews,
  reference: Extract<SnapshotReference, { by: 'dataset' }>,
  ownSiteId: SiteId,
): SnapshotView {
  const datasets = datasetsMeant(views, reference.site, reference.dataset, ownSiteId);
  // Of two datasets of one name at one site, the later one is meant as soon as it has a snapshot.
  for (const { siteId, datasetId } of datasets.reverse()) {
    const found =
      reference.at === 'latest'
        ? views.latestSnapshot(siteId, datasetId)
        : views.snapshotAt(siteId, datasetId, secondsOf(reference.at));
    if (found !== undefined) return found;
  }
  throw snapshotUnknown(`${reference.dataset}@${reference.at}`);
}

/** The datasets of one site that go by this name. */
function datasetsMeant(views: CatalogViews, site: string | undefined, name: string, ownSiteId: SiteId): DatasetView[] {
  const named = views.datasetsNamed(name);
  const siteNames = new Map(views.sites().map((view) => [toHex(view.siteId), view.name]));
  const nameOf = (siteId: SiteId) => siteNames.get(toHex(siteId)) ?? toHex(siteId).slice(0, 10);
  if (site !== undefined && ![...siteNames.values()].includes(site)) {
    throw new AppError(`no site is named "${site}"`, {
      code: 'site_unknown',
      advice: `Choose one of: ${[...siteNames.values()].sort().join(', ')}.`,
    });
  }
  const own = named.filter((dataset) => equalBytes(dataset.siteId, ownSiteId));
  if (site === undefined && own.length > 0) return own;
  const meant = site === undefined ? named : named.filter((dataset) => nameOf(dataset.siteId) === site);
  const owners = [...new Set(meant.map((dataset) => toHex(dataset.siteId)))];
  if (owners.length === 1) return meant;
  if (owners.length === 0) {
    throw new AppError(`there is no dataset "${site === undefined ? name : `${site}/${name}`}"`, {
      code: 'dataset_unknown',
      advice: 'List the datasets with "sitepair snapshots".',
    });
  }
  const full = [...new Set(meant.map((dataset) => `${nameOf(dataset.siteId)}/${name}`))].sort();
  throw new AppError(`several sites have a dataset "${name}"`, {
    code: 'dataset_ambiguous',
    advice:
      full.length === owners.length
        ? `Say which one: ${full.join(', ')}.`
        : 'Two sites have one name: give the id of the snapshot ("sitepair snapshots" lists them).',
    details: { datasets: full },
  });
}

function secondsOf(time: string): number {
  const ms = timePattern.test(time) ? Date.parse(time.includes('T') ? time : `${time}T00:00`) : Number.NaN;
  if (!Number.isNaN(ms)) return Math.floor(ms / 1000);
  throw new AppError(`"${time.slice(0, 50)}" is no time`, {
    code: 'bad_snapshot_reference',
    advice: 'Write latest, 2026-01-31, 2026-01-31T08:00 or 2026-01-31T08:00:00Z.',
  });
}

function snapshotUnknown(what: string): AppError {
  return new AppError(`there is no snapshot ${what}`, {
    code: 'snapshot_unknown',
    advice: 'List what there is with "sitepair snapshots".',
  });
}
