import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAppError } from '#runtime';
import {
  addition,
  agree,
  allViews,
  converge,
  copyOf,
  dataset,
  give,
  pair,
  snapshot,
  TestSite,
} from './testing/test-site.ts';

test('a new site cannot add to its log before it has opened an incarnation', async (t) => {
  const a = new TestSite('a');
  t.after(() => a.remove());
  await a.open();
  await assert.rejects(a.catalog.append([dataset('mail')]), (error) => isAppError(error, 'catalog_incarnation_needed'));
  await a.reopenLog(true);
  await a.catalog.append([dataset('mail')]);
  assert.deepEqual(
    a.catalog.views.datasets().map((view) => view.name),
    ['mail'],
  );
  assert.deepEqual(a.catalog.problems(), []);
});

test('what was appended is there after a restart, and equal', async (t) => {
  const a = await new TestSite('a').init();
  t.after(() => a.remove());
  const mail = dataset('mail');
  await a.catalog.append([mail, snapshot(mail, '1', 100), copyOf(snapshot(mail, '1', 100), a.siteId)]);
  const before = { digest: a.catalog.digest(), views: allViews(a) };
  await a.restart();
  assert.deepEqual({ digest: a.catalog.digest(), views: allViews(a) }, before);
  await a.catalog.append([snapshot(mail, '2', 200)]);
  assert.equal(a.catalog.views.snapshots({ siteId: a.siteId, datasetId: mail.datasetId }).snapshots.length, 2);
  assert.deepEqual(a.catalog.problems(), []);
});

test('many appends at once share batches and keep their order', async (t) => {
  const a = await new TestSite('a').init();
  t.after(() => a.remove());
  const mail = dataset('mail');
  await a.catalog.append([mail]);
  await Promise.all(Array.from({ length: 500 }, (_, i) => a.catalog.append([snapshot(mail, `${i}`, i)])));
  const { snapshots } = a.catalog.views.snapshots({
    siteId: a.siteId,
    datasetId: mail.datasetId,
    limit: 1000,
    oldestFirst: true,
  });
  assert.deepEqual(
    snapshots.map((made) => made.started?.seconds),
    Array.from({ length: 500 }, (_, i) => i),
  );
  assert.ok((a.catalog.heads()[0]?.seq ?? 99) < 10);
});

test('two sites agree after one exchange, in digest and in views', async (t) => {
  const a = await new TestSite('a').init();
  const b = await new TestSite('b').init();
  t.after(() => Promise.all([a.remove(), b.remove()]));
  await pair(a, b);
  const mail = dataset('mail');
  await a.catalog.append([mail, snapshot(mail, '1', 100)]);
  await b.catalog.append([copyOf(snapshot(mail, '1', 100), a.siteId)]);
  assert.ok(!agree(a, b));
  await converge(a, b);
  assert.ok(agree(a, b));
  assert.equal(allViews(a), allViews(b));
  assert.deepEqual(
    a.catalog.views.members().map((member) => member.role),
    ['full', 'full'],
  );
  assert.equal(a.catalog.views.copiesOf(snapshot(mail, '1', 100).snapshotId).length, 1);
});

test('a third site gets the logs of sites it never talked to', async (t) => {
  const [a, b, c] = [await new TestSite('a').init(), await new TestSite('b').init(), await new TestSite('c').init()];
  t.after(() => Promise.all([a.remove(), b.remove(), c.remove()]));
  await pair(a, b);
  await pair(b, c);
  const mail = dataset('mail');
  await a.catalog.append([mail, snapshot(mail, '1', 100)]);
  await converge(a, b);
  await converge(b, c);
  await converge(a, b);
  assert.ok(agree(a, b) && agree(b, c));
  assert.equal(allViews(a), allViews(c));
  assert.equal(c.catalog.views.members().length, 3);
});

test('the batch of a site that nobody vouches for is refused', async (t) => {
  const [a, stranger] = [await new TestSite('a').init(), await new TestSite('stranger').init()];
  t.after(() => Promise.all([a.remove(), stranger.remove()]));
  const signed: Uint8Array[] = [];
  for await (const batch of stranger.catalog.batchesAfter([])) signed.push(batch.signedBytes);
  const accepted = await a.catalog.accept(signed);
  assert.deepEqual(
    accepted.refused.map((refusal) => refusal.reason),
    ['unknown_site'],
  );
  assert.equal(accepted.taken, 0);
  // A vouch by the stranger itself changes nothing.
  await stranger.catalog.append([addition(stranger, stranger, 'full')]);
  assert.equal(await give(stranger, a), 0);
});

test('a closed catalog refuses every question and every write with one clear error', async (t) => {
  const a = await new TestSite('a').init();
  t.after(() => a.remove());
  const { catalog } = a;
  await a.close();
  await catalog.close();
  assert.throws(
    () => catalog.views.datasets(),
    (error) => isAppError(error, 'catalog_closed'),
  );
  await assert.rejects(catalog.append([dataset('mail')]), (error) => isAppError(error, 'catalog_closed'));
  await assert.rejects(catalog.accept([new Uint8Array(1)]), (error) => isAppError(error, 'catalog_closed'));
});
