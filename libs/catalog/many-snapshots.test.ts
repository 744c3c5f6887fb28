import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSnapshotReference } from '#model';
import { toHex } from '#runtime';
import { findSnapshot } from './find-snapshot.ts';
import { dataset, snapshot, TestSite } from './testing/test-site.ts';

// The full tier takes the number that the guarantee speaks of; building it takes most of the time.
const count = process.env.SITEPAIR_TIER === 'full' ? 100_000 : 10_000;

test(`${count} snapshots are listed in pages, and one is found, without reading the others`, async (t) => {
  const a = await new TestSite('a').init();
  t.after(() => a.remove());
  const mail = dataset('mail');
  await a.catalog.append([mail]);
  for (let from = 0; from < count; from += 10_000) {
    await a.catalog.append(Array.from({ length: 10_000 }, (_, i) => snapshot(mail, `${from + i}`, from + i)));
  }
  const seen = new Set<string>();
  let after: string | undefined;
  let pages = 0;
  do {
    const page = a.catalog.views.snapshots({ siteId: a.siteId, datasetId: mail.datasetId, limit: 1000, after });
    for (const made of page.snapshots) seen.add(toHex(made.snapshotId));
    after = page.next;
    pages += 1;
  } while (after !== undefined);
  assert.deepEqual([seen.size, pages], [count, count / 1000]);
  const started = (text: string) =>
    findSnapshot(a.catalog.views, parseSnapshotReference(text), a.siteId).started?.seconds;
  assert.equal(started('mail@latest'), count - 1);
  assert.equal(started('mail@1970-01-01T02:00:00Z'), 7_200);
  assert.equal(started(toHex(snapshot(mail, '7000', 0).snapshotId)), 7_000);
});
