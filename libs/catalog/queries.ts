import { asId, type DatasetId, type KeyId, type SiteId, type SnapshotId } from '#model';
import { equalBytes, fromHex, toHex } from '#runtime';
import { malformedCatalog } from './catalog-errors.ts';
import { membersOf, removedSites, removersOf } from './membership.ts';
import type { Sites } from './sites.ts';
import { type Placed, snapshotKey } from './snapshot-rows.ts';
import { keyOf, order32, order64, orderName, Table } from './view-keys.ts';
import type {
  AgentView,
  BodyCounts,
  CopyView,
  DatasetView,
  KeyringView,
  MemberView,
  RealmView,
  SiteView,
  SnapshotView,
  StatementRow,
} from './view-rows.ts';
import type { ViewRow, ViewStore } from './view-store.ts';

export interface SnapshotFilter {
  readonly siteId: SiteId;
  readonly datasetId: DatasetId;
  /** Newest first unless true. */
  readonly oldestFirst?: boolean;
  /** At most 1000; 100 unless told. */
  readonly limit?: number;
  /** `next` of the page before. */
  readonly after?: string | undefined;
}

export interface SnapshotPage {
  readonly snapshots: readonly SnapshotView[];
  /** Undefined on the last page. */
  readonly next: string | undefined;
}

const pageMax = 1000;
const pageDefault = 100;

/** Questions to the views. Answers are plain values; order is the order of the logs, never that of clocks. */
export class CatalogViews {
  readonly #views: ViewStore;
  readonly #sites: Sites;
  readonly #ownSiteId: SiteId;
  #members: { readonly version: number; readonly list: readonly MemberView[] } | undefined;

  constructor(views: ViewStore, sites: Sites, ownSiteId: SiteId) {
    this.#views = views;
    this.#sites = sites;
    this.#ownSiteId = ownSiteId;
  }

  /** The sites of which a log is held, sorted. */
  logIds(): SiteId[] {
    return this.#sites.ids();
  }

  /** Sites that have described themselves. */
  sites(): SiteView[] {
    return this.#firstRows<SiteView>(Table.described);
  }

  /** The realm, this site among it. */
  members(): readonly MemberView[] {
    if (this.#members?.version !== this.#sites.version) {
      this.#members = { version: this.#sites.version, list: membersOf(this.#statements(), this.#ownSiteId) };
    }
    return this.#members.list;
  }

  /** Sites that were removed from the realm. */
  removedSites(): SiteId[] {
    return removedSites(this.#statements());
  }

  /** Members that removed a site. */
  removersOf(siteId: SiteId): SiteId[] {
    return removersOf(this.#statements(), siteId);
  }

  /** Datasets of one site, or of all; by site and dataset id. */
  datasets(siteId?: SiteId): DatasetView[] {
    const of = siteId === undefined ? this.#sites.ids() : [siteId];
    return of.flatMap((site) =>
      this.#rows<Placed<DatasetView>>(keyOf(Table.dataset, this.#sites.author(site))).map((row) => row.view),
    );
  }

  /** Datasets of a site that have a snapshot, whether they are described or not. */
  datasetIdsOf(siteId: SiteId): DatasetId[] {
    const author = this.#sites.author(siteId);
    const prefix = keyOf(Table.snapshotOrder, author);
    const ids: DatasetId[] = [];
    for (let after: Uint8Array | undefined; ; ) {
      const [row] = this.#views.range(prefix, { after, limit: 1 });
      if (row === undefined) return ids;
      const datasetId = asId('DatasetId', new Uint8Array(row.key.subarray(prefix.length, prefix.length + 16)));
      ids.push(datasetId);
      // Behind every snapshot of it.
      after = keyOf(Table.snapshotOrder, author, datasetId, new Uint8Array(64).fill(0xff));
    }
  }

  /** Datasets of this name at any site, by site; of two of one site, the one created later comes last. */
  datasetsNamed(name: string): DatasetView[] {
    const prefix = keyOf(Table.datasetByName, orderName(name));
    const found: Placed<DatasetView>[] = [];
    for (const { key } of this.#views.range(prefix)) {
      const author = key.subarray(prefix.length, prefix.length + 20);
      if (!this.#isShown(author)) continue;
      const row = this.#views.get(keyOf(Table.dataset, author, key.subarray(prefix.length + 20)));
      if (row !== undefined) found.push(row as Placed<DatasetView>);
    }
    found.sort((a, b) => Buffer.compare(a.view.siteId, b.view.siteId) || Buffer.compare(a.position, b.position));
    return found.map((row) => row.view);
  }

  /** A page of a dataset's snapshots in the order of its site's log. */
  snapshots({ siteId, datasetId, oldestFirst = false, limit = pageDefault, after }: SnapshotFilter): SnapshotPage {
    const author = this.#sites.author(siteId);
    const prefix = keyOf(Table.snapshotOrder, author, datasetId);
    const count = Math.max(1, Math.min(limit, pageMax));
    const from = after === undefined ? undefined : keyOf(Table.snapshotOrder, author, datasetId, cursorOf(after));
    const snapshots: SnapshotView[] = [];
    let next: string | undefined;
    for (const { key } of this.#views.range(prefix, { after: from, reverse: !oldestFirst, limit: count + 1 })) {
      if (snapshots.length === count) return { snapshots, next };
      const view = this.#snapshotRow(author, key.subarray(-20));
      if (view !== undefined) snapshots.push(view);
      next = toHex(key.subarray(prefix.length));
    }
    return { snapshots, next: undefined };
  }

  /** The last snapshot of a dataset in its site's log; a superseded one only when there is no other. */
  latestSnapshot(siteId: SiteId, datasetId: DatasetId): SnapshotView | undefined {
    const author = this.#sites.author(siteId);
    const prefix = keyOf(Table.snapshotOrder, author, datasetId);
    return this.#firstThatCounts(author, this.#views.range(prefix, { reverse: true }));
  }

  /** The newest snapshot of a dataset that started at or before `seconds` since 1970, by its site's clock. */
  snapshotAt(siteId: SiteId, datasetId: DatasetId, seconds: number): SnapshotView | undefined {
    const author = this.#sites.author(siteId);
    const prefix = keyOf(Table.snapshotTime, author, datasetId);
    const after = keyOf(Table.snapshotTime, author, datasetId, order64(seconds), order32(0xffff_ffff));
    return this.#firstThatCounts(author, this.#views.range(prefix, { after, reverse: true }));
  }

  /** Snapshots whose id begins with these hexadecimal digits, at most `limit`. One made known by two sites comes twice. */
  snapshotsById(digits: string, limit = 100): SnapshotView[] {
    const prefix = keyOf(Table.snapshot, fromHex(digits.slice(0, digits.length & ~1)));
    const found: SnapshotView[] = [];
    for (const { key, value } of this.#views.range(prefix)) {
      const author = key.subarray(21);
      if (!toHex(key.subarray(1, 21)).startsWith(digits) || !this.#isShown(author)) continue;
      found.push((value as Placed<SnapshotView>).view);
      if (found.length === limit) break;
    }
    return found;
  }

  /** Where a snapshot is complete, by the word of the members; what a removed site claims is not listed. */
  copiesOf(snapshotId: SnapshotId): CopyView[] {
    const prefix = keyOf(Table.copyBySnapshot, snapshotId);
    const keys = [...this.#views.range(prefix)].map((row) => row.key);
    if (keys.length === 0) return [];
    const members = new Set(this.members().map((member) => toHex(member.siteId)));
    return keys.flatMap((key) => {
      const author = key.subarray(prefix.length, prefix.length + 20);
      if (!this.#isShown(author) || !members.has(toHex(author.subarray(0, 16)))) return [];
      const where = key.subarray(prefix.length + 20);
      const copy = this.#views.get(keyOf(Table.copy, author, snapshotId, where)) as CopyView | undefined;
      return copy === undefined ? [] : [copy];
    });
  }

  /** What one site claims to hold, in the order of snapshot ids. */
  *copiesAt(siteId: SiteId): Generator<CopyView> {
    for (const { value } of this.#views.range(keyOf(Table.copy, this.#sites.author(siteId)))) yield value as CopyView;
  }

  /** Agents of one site, the revoked ones among them. */
  agents(siteId: SiteId): AgentView[] {
    return this.#rows<AgentView>(keyOf(Table.agent, this.#sites.author(siteId)));
  }

  /** The keyring that a site last said it holds. */
  keyringHeldBy(siteId: SiteId): KeyringView | undefined {
    return this.#views.get(keyOf(Table.keyring, this.#sites.author(siteId))) as KeyringView | undefined;
  }

  /** Data keys that a site has made, oldest first. */
  keysRotated(siteId: SiteId): KeyId[] {
    const rows = this.#rows<{ readonly keyId: KeyId }>(keyOf(Table.keyRotated, this.#sites.author(siteId)));
    return rows.map((row) => row.keyId);
  }

  /** Realms that sites have left for another. */
  formerRealms(): RealmView[] {
    return this.#sites.ids().flatMap((site) => this.#rows<RealmView>(keyOf(Table.realm, this.#sites.author(site))));
  }

  /** Bodies of a site that gave no entry. */
  bodyCounts(siteId: SiteId): BodyCounts {
    const counts = this.#views.get(keyOf(Table.counts, this.#sites.author(siteId))) as BodyCounts | undefined;
    return counts ?? { unknown: new Map(), sealed: 0, malformed: 0 };
  }

  #statements(): StatementRow[] {
    return this.#sites
      .ids()
      .flatMap((site) => this.#rows<StatementRow>(keyOf(Table.statement, this.#sites.author(site))));
  }

  #snapshotRow(author: Uint8Array, snapshotId: Uint8Array): SnapshotView | undefined {
    const row = this.#views.get(snapshotKey(author, snapshotId)) as Placed<SnapshotView> | undefined;
    return row?.view;
  }

  /** Of snapshots in the order of `keys`: the first that counts, else the first. */
  #firstThatCounts(author: Uint8Array, keys: Iterable<ViewRow>): SnapshotView | undefined {
    let first: SnapshotView | undefined;
    for (const { key } of keys) {
      const view = this.#snapshotRow(author, key.subarray(-20));
      if (view?.superseded === false) return view;
      first ??= view;
    }
    return first;
  }

  /** The row of each site in a table that holds one a site. */
  #firstRows<T>(table: Table): T[] {
    return this.#sites.ids().flatMap((site) => {
      const row = this.#views.get(keyOf(table, this.#sites.author(site))) as T | undefined;
      return row === undefined ? [] : [row];
    });
  }

  #rows<T>(prefix: Uint8Array): T[] {
    return [...this.#views.range(prefix)].map((row) => row.value as T);
  }

  /** True for the generation of a site's rows that readers see. */
  #isShown(author: Uint8Array): boolean {
    return equalBytes(this.#sites.author(author.subarray(0, 16)), author);
  }
}

function cursorOf(text: string): Uint8Array {
  if (/^[0-9a-f]{120}$/.test(text)) return fromHex(text);
  throw malformedCatalog('no such page of snapshots');
}
