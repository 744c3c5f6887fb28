import { concatBytes, equalBytes } from '#runtime';
import { authorKey } from './projection.ts';
import { datasetWays, type Placed, snapshotKey, snapshotWays } from './snapshot-rows.ts';
import { keyOf, Table } from './view-keys.ts';
import type { CopyView, DatasetView, SnapshotView } from './view-rows.ts';
import type { ViewRow, ViewStore } from './view-store.ts';

const authorTables = [
  Table.described,
  Table.keyring,
  Table.dataset,
  Table.snapshotOrder,
  Table.snapshotTime,
  Table.copy,
  Table.agent,
  Table.statement,
  Table.keyRotated,
  Table.realm,
  Table.counts,
] as const;
/** Rows a transaction, so that the thread is free in between. */
const pageRows = 1000;

/** Removes the rows of every generation of a site but the one that is kept, and the ways to them. */
export async function removeGeneration(views: ViewStore, siteId: Uint8Array, keep: number): Promise<void> {
  const kept = authorKey(siteId, keep);
  for (const table of authorTables) {
    const prefix = keyOf(table, siteId);
    let after: Uint8Array | undefined;
    for (;;) {
      const page = [...views.range(prefix, { after, limit: pageRows })];
      const stale = page.filter((row) => !equalBytes(authorOf(row), kept));
      views.transact(() => {
        for (const row of stale) removeRow(views, table, row);
      });
      after = page.at(-1)?.key;
      if (page.length < pageRows) break;
      // What counts lies in one run: it is passed over, not read.
      if (stale.length === 0) after = concatBytes([keyOf(table, kept), new Uint8Array(120).fill(0xff)]);
      await new Promise(setImmediate);
    }
  }
}

function removeRow(views: ViewStore, table: number, row: ViewRow): void {
  for (const key of otherKeys(views, table, row)) views.remove(key);
  views.remove(row.key);
}

/** The keys outside its own table of what a row stands for. */
function otherKeys(views: ViewStore, table: number, { key, value }: ViewRow): Uint8Array[] {
  const author = authorOf({ key });
  if (table === Table.snapshotOrder) {
    const own = snapshotKey(author, key.subarray(-20));
    const row = views.get(own) as Placed<SnapshotView> | undefined;
    return row === undefined ? [] : [own, ...snapshotWays(author, row)];
  }
  if (table === Table.dataset) return datasetWays(author, value as Placed<DatasetView>);
  if (table !== Table.copy) return [];
  const { snapshotId, where } = value as CopyView;
  return [keyOf(Table.copyBySnapshot, snapshotId, author, new Uint8Array(Buffer.from(where, 'utf8')))];
}

/** The 20 bytes of site and generation behind the table's number. */
function authorOf({ key }: { readonly key: Uint8Array }): Uint8Array {
  return key.subarray(1, 21);
}
