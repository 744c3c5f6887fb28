import assert from 'node:assert/strict';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { isAppError, toHex } from '#runtime';
import { findSnapshot } from './find-snapshot.ts';
import { testKit, testSigner } from './testing/test-keys.ts';
import { agree, allViews, converge, copyOf, dataset, give, pair, snapshot, TestSite } from './testing/test-site.ts';

type Hooks = { after(run: () => Promise<unknown>): void };
const mail = dataset('mail');
const files = dataset('files');
const made = (label: string) => snapshot(mail, label, Number(label));

async function pairOf(t: Hooks): Promise<[TestSite, TestSite]> {
  const [a, b] = [await new TestSite('a').init(), await new TestSite('b').init()];
  t.after(() => Promise.all([a.remove(), b.remove()]));
  await pair(a, b);
  await a.catalog.append([mail, made('1'), copyOf(made('1'), a.siteId)]);
  await converge(a, b);
  return [a, b];
}

test('a site that was killed between the first batch of a new incarnation and its note goes on with it', async (t) => {
  const [a] = await pairOf(t);
  const note = join(a.folder, 'own.json');
  const before: unknown = JSON.parse(readFileSync(note, 'utf8'));
  const { incarnationId } = await a.catalog.openIncarnation({ signer: a.signer });
  await a.close();
  writeFileSync(note, JSON.stringify({ ...(before as object), beginning: toHex(incarnationId) }));
  await a.open();
  await a.catalog.append([made('2')]);
  assert.deepEqual(a.catalog.incarnation()?.incarnationId, incarnationId);
});

/** The same site on an empty disk, with its id, kit and peers as a rebuild knows them. */
async function burnt(t: Hooks, site: TestSite): Promise<TestSite> {
  const rebuilt = new TestSite(site.name);
  t.after(() => rebuilt.remove());
  for (const [id, keys] of site.known) rebuilt.known.set(id, keys);
  rebuilt.signer = testSigner('made after the fire');
  await rebuilt.open();
  return rebuilt;
}

function states(site: TestSite, of: TestSite): string[] {
  const { snapshots } = site.catalog.views.snapshots({
    siteId: of.siteId,
    datasetId: mail.datasetId,
    oldestFirst: true,
  });
  return snapshots.map((view) => `${view.started?.seconds}${view.superseded ? ' superseded' : ''}`);
}

test('a rebuilt site fetches its log, goes on under a new number, and its old copies are void until proved again', async (t) => {
  const [a, b] = await pairOf(t);
  await a.close();
  const rebuilt = await burnt(t, a);
  await converge(rebuilt, b);
  await assert.rejects(rebuilt.catalog.append([made('2')]), (error) => isAppError(error, 'catalog_incarnation_needed'));
  await assert.rejects(rebuilt.catalog.openIncarnation({ signer: rebuilt.signer }), (error) =>
    isAppError(error, 'catalog_kit_needed'),
  );
  await rebuilt.reopenLog(true);
  assert.equal(rebuilt.catalog.incarnation()?.number, 2);
  await rebuilt.catalog.append([made('2')]);
  await converge(rebuilt, b);
  assert.ok(agree(rebuilt, b));
  assert.equal(allViews(rebuilt), allViews(b));
  assert.deepEqual(states(b, a), ['1', '2']);
  assert.deepEqual(b.catalog.views.copiesOf(made('1').snapshotId), []);
  await rebuilt.catalog.append([copyOf(made('1'), a.siteId)]);
  await converge(rebuilt, b);
  assert.equal(b.catalog.views.copiesOf(made('1').snapshotId).length, 1);
});

test('what the lost site had told nobody but a third one is superseded when it turns up, and stays listed', async (t) => {
  const [a, b] = await pairOf(t);
  const c = await new TestSite('c').init();
  t.after(() => c.remove());
  await pair(a, c);
  await converge(a, c);
  await converge(a, b);
  await converge(b, c);
  await a.catalog.append([made('2')]);
  await give(a, c);
  await a.close();
  const rebuilt = await burnt(t, a);
  await converge(rebuilt, b);
  await rebuilt.reopenLog(true);
  await rebuilt.catalog.append([made('3')]);
  await converge(rebuilt, b);
  await converge(b, c);
  await converge(rebuilt, b);
  for (const site of [rebuilt, b, c]) assert.deepEqual(states(site, a), ['1', '2 superseded', '3']);
  assert.ok(agree(rebuilt, c) && agree(b, c));
  assert.equal(await rebuilt.catalog.adoptSuperseded(), 1);
  await converge(rebuilt, b);
  for (const site of [rebuilt, b]) assert.deepEqual(states(site, a), ['1', '3', '2']);
});

test('a site set back to an old disk forks its log: both branches are kept and frozen, everybody is told', async (t) => {
  const [a, b] = await pairOf(t);
  await a.close();
  const backup = `${a.folder}-backup`;
  t.after(async () => rmSync(backup, { recursive: true }));
  cpSync(a.folder, backup, { recursive: true });
  await a.open();
  await a.catalog.append([made('2')]);
  await a.catalog.append([made('3')]);
  await converge(a, b);
  await a.close();
  rmSync(a.folder, { recursive: true });
  cpSync(backup, a.folder, { recursive: true });
  await a.open();
  await a.catalog.append([made('4')]);
  await converge(a, b);
  assert.ok(agree(a, b));
  assert.equal(allViews(a), allViews(b));
  assert.deepEqual(states(b, a).sort(), ['1', '2 superseded', '3 superseded', '4 superseded']);
  for (const site of [a, b]) {
    const forked = site.catalog.problems().find((problem) => problem.kind === 'forked');
    assert.ok(forked?.kind === 'forked' && forked.hashes.length === 2 && !forked.settled);
  }
  await assert.rejects(a.catalog.append([made('5')]), (error) => isAppError(error, 'catalog_incarnation_needed'));
  await a.reopenLog(false);
  assert.equal(await a.catalog.adoptSuperseded(), 1);
  await converge(a, b);
  assert.deepEqual(states(b, a), ['1', '2', '3', '4']);
  assert.ok(agree(a, b));
  assert.equal(allViews(a), allViews(b));
  assert.ok(b.catalog.problems().every((problem) => problem.kind !== 'forked' || problem.settled));
});

test('a site set back that hears from a peer before it writes does not fork', async (t) => {
  const [a, b] = await pairOf(t);
  await a.close();
  const backup = `${a.folder}-backup`;
  t.after(async () => rmSync(backup, { recursive: true }));
  cpSync(a.folder, backup, { recursive: true });
  await a.open();
  await a.catalog.append([made('2'), copyOf(made('2'), a.siteId)]);
  await converge(a, b);
  await a.close();
  rmSync(a.folder, { recursive: true });
  cpSync(backup, a.folder, { recursive: true });
  await a.open();
  await converge(a, b);
  for (let i = 0; i < 2; i++) {
    await assert.rejects(a.catalog.append([made('3')]), (error) => isAppError(error, 'catalog_incarnation_needed'));
    await a.restart();
  }
  await a.reopenLog(false);
  await a.catalog.append([made('3')]);
  await converge(a, b);
  assert.deepEqual(states(b, a), ['1', '2', '3']);
  assert.deepEqual(b.catalog.views.copiesOf(made('2').snapshotId), []);
  assert.ok(b.catalog.problems().every((problem) => problem.kind !== 'forked'));
});

test('of two incarnations of one number the one signed by the kit counts, whichever comes first', async (t) => {
  const [a, b] = await pairOf(t);
  const thiefFolder = `${a.folder}-thief`;
  await a.close();
  cpSync(a.folder, thiefFolder, { recursive: true });
  const thief = new TestSite('a', thiefFolder);
  t.after(() => thief.remove());
  for (const [id, keys] of a.known) thief.known.set(id, keys);
  thief.signer = a.signer;
  await thief.open();
  await thief.reopenLog(false);
  await thief.catalog.append([files]);
  await thief.reopenLog(false);
  await thief.catalog.append([made('66')]);
  await a.open();
  await a.reopenLog(true);
  await a.catalog.append([made('2')]);
  await give(thief, b);
  assert.deepEqual(states(b, a), ['1', '66']);
  await give(a, b);
  assert.deepEqual(states(b, a), ['1', '2', '66 superseded']);
  const reference = { by: 'dataset' as const, site: undefined, dataset: 'mail', at: 'latest' };
  assert.equal(findSnapshot(b.catalog.views, reference, b.siteId).started?.seconds, 2);
  await give(b, a);
  await give(b, thief);
  assert.ok(agree(a, b) && agree(thief, b));
  assert.equal(allViews(a), allViews(b));
  await a.catalog.append([made('3')]);
  await assert.rejects(thief.catalog.append([made('67')]), (error) => isAppError(error, 'catalog_incarnation_needed'));
});

test('two incarnations of one number that the site signed both freeze until a kit picks', async (t) => {
  const [a, b] = await pairOf(t);
  const cloneFolder = `${a.folder}-clone`;
  await a.close();
  cpSync(a.folder, cloneFolder, { recursive: true });
  const clone = new TestSite('a', cloneFolder);
  t.after(() => clone.remove());
  for (const [id, keys] of a.known) clone.known.set(id, keys);
  clone.signer = a.signer;
  await clone.open();
  await clone.reopenLog(false);
  await clone.catalog.append([made('2')]);
  await a.open();
  await a.reopenLog(false);
  await a.catalog.append([made('3')]);
  await give(clone, b);
  await converge(a, b);
  await converge(clone, b);
  assert.deepEqual(states(b, a).sort(), ['1', '2 superseded', '3 superseded']);
  assert.ok(b.catalog.problems().some((problem) => problem.kind === 'contested' && problem.number === 2));
  assert.deepEqual(b.catalog.views.copiesOf(made('1').snapshotId), []);
  for (const site of [a, clone]) {
    await assert.rejects(site.catalog.append([made('9')]), (error) => isAppError(error, 'catalog_incarnation_needed'));
    await assert.rejects(site.reopenLog(false), (error) => isAppError(error, 'catalog_kit_needed'));
  }
  await a.reopenLog(true);
  await a.catalog.adoptSuperseded();
  await converge(a, b);
  await converge(clone, b);
  assert.deepEqual(states(b, a).sort(), ['1', '2', '3']);
  assert.equal(allViews(clone), allViews(b));
  assert.ok(b.catalog.problems().every((problem) => problem.kind !== 'contested'));
});

test('a new incarnation is not believed under a kit that nobody knows', async (t) => {
  const [a, b] = await pairOf(t);
  await a.close();
  const rebuilt = await burnt(t, a);
  await converge(rebuilt, b);
  const wrongKit = { ...testSigner('found in the street'), kitId: a.kit.kitId };
  await assert.rejects(rebuilt.catalog.openIncarnation({ signer: rebuilt.signer, kit: wrongKit }), (error) =>
    isAppError(error, 'catalog_kit_needed'),
  );
});

test('the views of a site with a past come out the same when they are built anew', async (t) => {
  const [a, b] = await pairOf(t);
  await a.reopenLog(false);
  await a.catalog.append([made('2')]);
  await converge(a, b);
  const before = allViews(b);
  await b.catalog.rebuildViews();
  assert.equal(allViews(b), before);
  await b.close();
  rmSync(join(b.folder, 'views'), { recursive: true });
  await b.open();
  assert.equal(allViews(b), before);
});

test('a kit that was replaced opens nothing any more, and what it had opened still counts', async (t) => {
  const [a, b] = await pairOf(t);
  await a.close();
  const thiefFolder = `${a.folder}-thief`;
  cpSync(a.folder, thiefFolder, { recursive: true });
  const thief = new TestSite('a', thiefFolder);
  t.after(() => thief.remove());
  for (const [id, keys] of a.known) thief.known.set(id, keys);
  thief.signer = a.signer;
  await thief.open();
  await a.open();
  const oldKit = a.kit;
  const first = a.catalog.incarnation()?.incarnationId;
  const newKit = testKit('a, second');
  const kits = [{ ...oldKit, voided: true }, newKit];
  for (const site of [a, b]) site.known.set(toHex(a.siteId), { publicKeys: [a.signer.publicKey], kits });
  const signer = testSigner('a with its second kit');
  await a.catalog.openIncarnation({ signer, kit: newKit });
  a.signer = signer;
  await a.catalog.append([made('2')]);
  // The old paper was found, and opens a higher number than the new one has.
  await thief.reopenLog(true);
  await thief.reopenLog(true);
  await thief.catalog.append([made('66')]);
  await give(thief, b);
  await converge(a, b);
  assert.ok(agree(a, b));
  assert.deepEqual(states(b, a), ['1', '2', '66 superseded']);
  assert.equal(allViews(a), allViews(b));
  await assert.rejects(a.catalog.openIncarnation({ signer, kit: oldKit, continueFrom: first }), (error) =>
    isAppError(error, 'catalog_kit_needed'),
  );
});
