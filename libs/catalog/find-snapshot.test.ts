import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSnapshotReference } from '#model';
import { isAppError, toHex } from '#runtime';
import { findSnapshot } from './find-snapshot.ts';
import { converge, dataset, pair, snapshot, TestSite } from './testing/test-site.ts';

const start = Date.parse('2026-01-31T08:00:00Z') / 1000;

async function realm(t: { after(run: () => Promise<unknown>): void }): Promise<[TestSite, TestSite]> {
  const [a, b] = [await new TestSite('a').init(), await new TestSite('b').init()];
  t.after(() => Promise.all([a.remove(), b.remove()]));
  await pair(a, b);
  const named = (name: string) => ({
    kind: 'siteDescribed' as const,
    name,
    addressText: '',
    coordinates: undefined,
    addresses: [],
  });
  const [mail, files] = [dataset('mail', 'a'), dataset('files', 'a')];
  await a.catalog.append([named('north'), mail, files]);
  await a.catalog.append([0, 1, 2].map((hours) => snapshot(mail, `a${hours}`, start + hours * 3600)));
  await a.catalog.append([snapshot(files, 'f', start)]);
  await b.catalog.append([named('south'), dataset('mail', 'b'), snapshot(dataset('mail', 'b'), 'b', start)]);
  await converge(a, b);
  return [a, b];
}

function find(site: TestSite, text: string): number | string {
  try {
    const found = findSnapshot(site.catalog.views, parseSnapshotReference(text), site.siteId);
    return (found.started?.seconds ?? 0) - start;
  } catch (error) {
    assert.ok(isAppError(error));
    return error.code;
  }
}

test("a bare dataset is this site's own, else the only one of that name, else an error that lists them", async (t) => {
  const [a, b] = await realm(t);
  assert.equal(find(a, 'mail@latest'), 7200);
  assert.equal(find(b, 'mail@latest'), 0);
  assert.equal(find(b, 'north/mail@latest'), 7200);
  assert.equal(find(b, 'files@latest'), 0);
  assert.equal(find(b, 'south/files@latest'), 'dataset_unknown');
  assert.equal(find(b, 'west/files@latest'), 'site_unknown');
  assert.equal(find(b, 'nothing@latest'), 'dataset_unknown');
  const c = await new TestSite('c').init();
  t.after(() => c.remove());
  await pair(b, c);
  await converge(b, c);
  assert.equal(find(c, 'mail@latest'), 'dataset_ambiguous');
  assert.throws(
    () => findSnapshot(c.catalog.views, parseSnapshotReference('mail@latest'), c.siteId),
    (error) => isAppError(error) && error.advice === 'Say which one: north/mail, south/mail.',
  );
});

test('a time means the newest snapshot at or before it', async (t) => {
  const [a] = await realm(t);
  assert.equal(find(a, 'mail@2026-01-31T08:00:00Z'), 0);
  assert.equal(find(a, 'mail@2026-01-31T10:59+01:00'), 3600);
  assert.equal(find(a, 'mail@2030-01-01'), 7200);
  assert.equal(find(a, 'mail@2026-01-31T07:59:59Z'), 'snapshot_unknown');
  for (const bad of ['mail@yesterday', 'mail@2026-13-01', 'mail@2026-01-31 08:00']) {
    assert.equal(find(a, bad), 'bad_snapshot_reference');
  }
});

test('a clock that was years ahead once does not hide later snapshots', async (t) => {
  const [a] = await realm(t);
  const mail = dataset('mail', 'a');
  await a.catalog.append([snapshot(mail, 'from the future', start + 10 * 365 * 86_400)]);
  await a.catalog.append([snapshot(mail, 'after', start + 4 * 3600)]);
  assert.equal(find(a, 'mail@latest'), 4 * 3600);
  assert.equal(find(a, 'mail@2027-01-01'), 4 * 3600);
});

test('a prefix of an id finds the one snapshot it fits, or names those it fits', async (t) => {
  const [a] = await realm(t);
  const id = toHex(snapshot(dataset('mail', 'a'), 'a1', 0).snapshotId);
  for (const digits of [6, 7, 21, 40]) assert.equal(find(a, id.slice(0, digits)), 3600);
  assert.equal(find(a, '000000'), 'snapshot_unknown');
  const twin = { ...snapshot(dataset('mail', 'a'), 'twin', start) };
  twin.snapshotId.set(Buffer.from(id.slice(0, 20), 'hex'));
  await a.catalog.append([twin]);
  assert.equal(find(a, id.slice(0, 8)), 'snapshot_ambiguous');
  assert.equal(find(a, id), 3600);
  assert.throws(
    () => findSnapshot(a.catalog.views, { by: 'id', prefix: id.slice(0, 5) }, a.siteId),
    (error) => isAppError(error, 'bad_snapshot_reference'),
  );
});
