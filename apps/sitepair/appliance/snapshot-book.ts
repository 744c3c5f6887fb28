import { type Catalog, type DatasetView as DatasetRow, findSnapshot, type SnapshotView as SnapshotRow } from '#catalog';
import { asId, type DatasetId, parseSnapshotReference, type SiteId, type SnapshotId } from '#model';
import type { CopyBook, OfferedSnapshot } from '#replication';
import { AppError, type Clock, equalBytes, toHex } from '#runtime';
import type { KnownLosses } from './known-losses.ts';
import { momentNow } from './moment-now.ts';
import type { DatasetView, SnapshotView } from './operations.ts';
import type { CopyOverview, PendingSnapshot } from './replicator.ts';

/** Where a copy is that a peer holds proved and can give again; a copy on a medium is for people to carry. */
const ownStore = 'store';

export interface SnapshotBookOptions {
  readonly catalog: Catalog;
  readonly siteName: (siteId: Uint8Array) => string;
  readonly siteId: SiteId;
  readonly clock: Clock;
  readonly losses: KnownLosses;
  /** Somebody else may want what is complete here now. */
  readonly onCopy: () => void;
}

/** A dataset as a peer has it. */
export interface DatasetLag {
  /** SITE/DATASET. */
  readonly dataset: string;
  /** When the newest snapshot began that is known here. */
  readonly newest: string;
  /** When the newest began that the peer holds; absent: it holds none. */
  readonly held?: string;
  readonly snapshotsBehind: number;
}

/** Datasets and snapshots as people and peers ask for them. */
export class SnapshotBook implements CopyOverview, CopyBook {
  readonly #options: SnapshotBookOptions;

  constructor(options: SnapshotBookOptions) {
    this.#options = options;
  }

  get losses(): KnownLosses {
    return this.#options.losses;
  }

  datasets(): DatasetView[] {
    return this.#rows().map((dataset) => {
      const snapshots = [...this.#snapshotsOf(dataset)];
      return {
        name: dataset.name ?? '',
        site: this.#options.siteName(dataset.siteId),
        datasetId: toHex(dataset.datasetId),
        snapshots: snapshots.length,
        latest: snapshots[0] && timeText(snapshots[0]),
      };
    });
  }

  /** Of one dataset ([SITE/]NAME) or of all; newest first within each. */
  snapshots(dataset: string | undefined): SnapshotView[] {
    const wanted = dataset === undefined ? this.#rows() : this.#named(dataset);
    return wanted.flatMap((row) => [...this.#snapshotsOf(row)].map((snapshot) => this.#view(snapshot, row)));
  }

  snapshot(reference: string): SnapshotView {
    const row = findSnapshot(this.#options.catalog.views, parseSnapshotReference(reference), this.#options.siteId);
    const dataset = this.#rows().find((one) => equalBytes(one.datasetId, row.datasetId));
    return this.#view(row, dataset);
  }

  pendingFor(peer: SiteId, dataset: string | undefined): PendingSnapshot[] {
    const wanted = dataset === undefined ? this.#rows() : this.#named(dataset);
    // Asked after every change of the catalog: two walks over all copies, not two look-ups for each snapshot there is.
    const [here, there] = [this.#idsAt(this.#options.siteId), this.#idsAt(peer)];
    if (here.isSubsetOf(there)) return [];
    return wanted.flatMap((row) =>
      [...this.#snapshotsOf(row)]
        .reverse()
        .filter(({ snapshotId }) => here.has(toHex(snapshotId)) && !there.has(toHex(snapshotId)))
        .map((snapshot) => ({
          snapshotId: snapshot.snapshotId,
          datasetId: snapshot.datasetId,
          domainId: snapshot.domainId,
          name: this.#nameOf(snapshot, row),
        })),
    );
  }

  heldHere(datasetId: DatasetId, countMax: number): SnapshotId[] {
    const row = this.#rows().find((dataset) => equalBytes(dataset.datasetId, datasetId));
    if (row === undefined) return [];
    const held: SnapshotId[] = [];
    for (const { snapshotId } of this.#snapshotsOf(row)) {
      if (this.holds(snapshotId)) held.push(snapshotId);
      if (held.length === countMax) break;
    }
    return held;
  }

  /** Every snapshot that is complete here, newest first within each dataset. */
  allHeld() {
    return this.#rows().flatMap((row) =>
      [...this.#snapshotsOf(row)]
        .filter(({ snapshotId }) => this.holds(snapshotId))
        .map((snapshot) => ({
          snapshotId: snapshot.snapshotId,
          domainId: snapshot.domainId,
          name: this.#nameOf(snapshot, row),
        })),
    );
  }

  /**
   * How far a peer is behind with each dataset, by what the peer itself has proved and logged: the start of the newest snapshot
   * that is known, and of the newest that it holds.
   */
  lagsAt(peer: SiteId): DatasetLag[] {
    const there = this.#idsAt(peer);
    return this.#rows().flatMap((row) => {
      const snapshots = [...this.#snapshotsOf(row)];
      const [newest] = snapshots;
      if (newest === undefined) return [];
      const behind = snapshots.findIndex(({ snapshotId }) => there.has(toHex(snapshotId)));
      const held = snapshots[behind];
      return [
        {
          dataset: `${this.#options.siteName(row.siteId)}/${row.name ?? toHex(row.datasetId).slice(0, 8)}`,
          newest: timeText(newest),
          ...(held === undefined ? {} : { held: timeText(held) }),
          snapshotsBehind: behind < 0 ? snapshots.length : behind,
        },
      ];
    });
  }

  holds(snapshotId: SnapshotId): boolean {
    return this.#isAt(snapshotId, this.#options.siteId);
  }

  mayBeBase(snapshotId: SnapshotId): boolean {
    return !this.#options.losses.any && this.holds(snapshotId);
  }

  checkOffer(_from: SiteId, offered: OfferedSnapshot): void {
    this.#offeredRow(offered);
  }

  async recordCopy(offered: OfferedSnapshot): Promise<void> {
    const known = this.#offeredRow(offered);
    const { snapshotId } = offered;
    const proved = momentNow(this.#options.clock);
    await this.#options.catalog.append([
      { kind: 'copyMade', snapshotId, ownerSiteId: asId('SiteId', known.siteId), where: ownStore, proved },
    ]);
    this.#options.onCopy();
  }

  /** Any site may name any id in its log: what counts is that one of them says what the offer says. */
  #offeredRow({ snapshotId, datasetId, domainId }: OfferedSnapshot): SnapshotRow {
    const fitting = this.#options.catalog.views
      .snapshotsById(toHex(snapshotId))
      .find((row) => equalBytes(row.datasetId, datasetId) && equalBytes(row.domainId, domainId));
    if (fitting === undefined) throw notInCatalog();
    return fitting;
  }

  #isAt(snapshotId: SnapshotId, siteId: Uint8Array): boolean {
    return this.#options.catalog.views
      .copiesOf(snapshotId)
      .some((copy) => copy.where === ownStore && equalBytes(copy.siteId, siteId));
  }

  /** Ids of all snapshots that a site holds in its store, by its own word; none when it is no member. */
  #idsAt(siteId: SiteId): ReadonlySet<string> {
    const { views } = this.#options.catalog;
    if (!views.members().some((member) => equalBytes(member.siteId, siteId))) return new Set();
    const copies = [...views.copiesAt(siteId)].filter((copy) => copy.where === ownStore);
    return new Set(copies.map((copy) => toHex(copy.snapshotId)));
  }

  #rows(): DatasetRow[] {
    return this.#options.catalog.views.datasets();
  }

  #named(name: string): DatasetRow[] {
    const slash = name.indexOf('/');
    const [site, dataset] = slash < 0 ? [undefined, name] : [name.slice(0, slash), name.slice(slash + 1)];
    const named = this.#options.catalog.views
      .datasetsNamed(dataset)
      .filter((row) => site === undefined || this.#options.siteName(row.siteId) === site);
    const own = named.filter((row) => site === undefined && equalBytes(row.siteId, this.#options.siteId));
    if (named.length === 0) throw datasetUnknown(name, this.datasets());
    return own.length > 0 ? own : named;
  }

  *#snapshotsOf({ siteId, datasetId }: DatasetRow): Generator<SnapshotRow> {
    let after: string | undefined;
    do {
      const page = this.#options.catalog.views.snapshots({ siteId, datasetId, after, limit: 1000 });
      yield* page.snapshots;
      after = page.next;
    } while (after !== undefined);
  }

  #nameOf(snapshot: SnapshotRow, dataset: DatasetRow | undefined): string {
    return `${this.#options.siteName(snapshot.siteId)}/${dataset?.name ?? toHex(snapshot.datasetId).slice(0, 8)}@${timeText(snapshot)}`;
  }

  #view(snapshot: SnapshotRow, dataset: DatasetRow | undefined): SnapshotView {
    const { siteName, catalog } = this.#options;
    return {
      id: toHex(snapshot.snapshotId),
      site: siteName(snapshot.siteId),
      dataset: dataset?.name ?? '',
      name: this.#nameOf(snapshot, dataset),
      startedAt: timeText(snapshot),
      host: snapshot.host ?? '',
      paths: (dataset?.paths ?? []).map((path) => Buffer.from(path).toString()),
      files: snapshot.totals?.files ?? 0,
      contentBytes: snapshot.totals?.contentBytes ?? 0,
      problems: (snapshot.totals?.changedWhileRead ?? 0) + (snapshot.totals?.unreadable ?? 0),
      copies: catalog.views.copiesOf(snapshot.snapshotId).map((copy) => siteName(copy.siteId)),
    };
  }
}

/** To the millisecond, in UTC: a name that @TIME finds again. */
function timeText({ started }: Pick<SnapshotRow, 'started'>): string {
  return started === undefined ? '' : new Date(started.seconds * 1000 + Math.floor(started.nanos / 1e6)).toISOString();
}

function notInCatalog(): AppError {
  return new AppError('the catalog here does not know this snapshot yet', {
    code: 'snapshot_unknown',
    retryable: true,
    advice: 'Wait for the catalogs to agree; the snapshot is offered again by itself.',
  });
}

function datasetUnknown(name: string, known: readonly DatasetView[]): AppError {
  const names = known.map((dataset) => `${dataset.site}/${dataset.name}`);
  return new AppError(`no dataset is called "${name}"`, {
    code: 'dataset_unknown',
    advice:
      names.length > 0
        ? `Choose one of: ${names.slice(0, 20).join(', ')}.`
        : 'Make the first one: "sitepair backup PATH --dataset NAME".',
  });
}
