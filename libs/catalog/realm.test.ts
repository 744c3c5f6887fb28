import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAppError, toHex } from '#runtime';
import { noKeys } from './testing/test-keys.ts';
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

type Hooks = { after(run: () => Promise<unknown>): void };

async function sitesOf(t: Hooks, ...names: string[]): Promise<TestSite[]> {
  const sites: TestSite[] = [];
  for (const name of names) sites.push(await new TestSite(name).init());
  t.after(() => Promise.all(sites.map((site) => site.remove())));
  return sites;
}

function members(site: TestSite): string[] {
  const names = new Map(['a', 'b', 'c', 'd', 'evil'].map((name) => [toHex(new TestSite(name, '/none').siteId), name]));
  return site.catalog.views
    .members()
    .map((member) => `${names.get(toHex(member.siteId))} ${member.role}`)
    .sort();
}

async function settleAll(sites: TestSite[]): Promise<void> {
  for (let round = 0; round < sites.length; round++) {
    for (let i = 1; i < sites.length; i++) await converge(sites[i - 1]!, sites[i]!);
  }
}

test('a removed site is removed for everybody, also for those it goes on talking to', async (t) => {
  const [a, b, c] = (await sitesOf(t, 'a', 'b', 'c')) as [TestSite, TestSite, TestSite];
  await pair(a, b);
  await pair(b, c);
  await pair(a, c);
  await settleAll([a, b, c]);
  assert.deepEqual(members(c), ['a full', 'b full', 'c full']);
  await a.catalog.append([{ kind: 'memberRemoved', siteId: c.siteId, reason: 'stolen' }]);
  await c.catalog.append([dataset('late')]);
  await give(c, b);
  await settleAll([a, b]);
  assert.deepEqual(members(a), ['a full', 'b full']);
  assert.deepEqual(members(b), ['a full', 'b full']);
  assert.ok(agree(a, b));
});

test('what a removed site adds counts only when its remover had seen it', async (t) => {
  const [a, b, c, evil] = (await sitesOf(t, 'a', 'b', 'c', 'evil')) as [TestSite, TestSite, TestSite, TestSite];
  await pair(a, b);
  await pair(b, c);
  await settleAll([a, b, c]);
  await a.catalog.append([{ kind: 'memberRemoved', siteId: b.siteId, reason: 'stolen' }]);
  b.trust(evil);
  await b.catalog.append([addition(b, evil, 'full')]);
  await settleAll([b, c]);
  await settleAll([a, b, c]);
  // c was brought in by b before; evil after.
  for (const site of [a, c]) assert.deepEqual(members(site), ['a full', 'c full']);
});

test('two sites that remove each other without knowing are both removed', async (t) => {
  const [a, b, c] = (await sitesOf(t, 'a', 'b', 'c')) as [TestSite, TestSite, TestSite];
  await pair(c, a);
  await pair(c, b);
  await settleAll([a, c, b]);
  await a.catalog.append([{ kind: 'memberRemoved', siteId: b.siteId, reason: '' }]);
  await b.catalog.append([{ kind: 'memberRemoved', siteId: a.siteId, reason: '' }]);
  await settleAll([a, c, b]);
  for (const site of [a, b, c]) assert.deepEqual(members(site), ['c full']);
});

test('a site that knows of its removal cannot remove others', async (t) => {
  const [a, b, c] = (await sitesOf(t, 'a', 'b', 'c')) as [TestSite, TestSite, TestSite];
  await pair(a, b);
  await pair(a, c);
  await settleAll([a, b, c]);
  await a.catalog.append([{ kind: 'memberRemoved', siteId: b.siteId, reason: 'left' }]);
  await settleAll([a, b]);
  await b.catalog.append([{ kind: 'memberRemoved', siteId: c.siteId, reason: 'revenge' }]);
  await settleAll([b, a, c]);
  for (const site of [a, b, c]) assert.deepEqual(members(site), ['a full', 'c full']);
});

test('an addition that the newcomer did not countersign counts for nothing', async (t) => {
  const [a, b, c] = (await sitesOf(t, 'a', 'b', 'c')) as [TestSite, TestSite, TestSite];
  await pair(a, b);
  const forged = { ...addition(a, c, 'full'), countersignature: new Uint8Array(64) };
  const taken = addition(b, c, 'full');
  await a.catalog.append([forged, taken]);
  await settleAll([a, b]);
  assert.deepEqual(members(b), ['a full', 'b full']);
  assert.equal(await give(c, b), 0);
});

test('a blind peer keeps, shows and passes on what it cannot read, and its own word is read by the others', async (t) => {
  const [a, b] = (await sitesOf(t, 'a', 'b')) as [TestSite, TestSite];
  const c = new TestSite('c');
  c.sealer = noKeys;
  const d = new TestSite('d');
  d.sealer = noKeys;
  t.after(() => Promise.all([c.remove(), d.remove()]));
  await c.init();
  await d.init();
  await pair(a, b);
  await pair(a, c, 'blind');
  await pair(a, d, 'blind');
  const secret = { ...dataset('secret-name'), host: 'secret-host' };
  const made = snapshot(secret, '1', 100);
  await a.catalog.append([secret, made]);
  await settleAll([a, b]);
  const scope = a.catalog.scopeFor(c.siteId, 'blind');
  for (let round = 0; round < 2; round++) {
    await give(d, a);
    await give(c, a);
    const signed: Uint8Array[] = [];
    for await (const batch of a.catalog.batchesAfter(c.catalog.chainHeads(), scope)) signed.push(batch.signedBytes);
    assert.deepEqual((await c.catalog.accept(signed)).refused, []);
    for (const batch of signed) assert.ok(!Buffer.from(batch).includes('secret'));
  }
  assert.deepEqual(c.catalog.digest(), a.catalog.digest(scope));
  assert.notDeepEqual(c.catalog.digest(), a.catalog.digest());
  assert.deepEqual(
    c.catalog.views.logIds().map((id) => toHex(id)),
    [a, b, c].map((site) => toHex(site.siteId)).sort(),
  );
  const [seen] = c.catalog.views.snapshotsById(toHex(made.snapshotId));
  assert.deepEqual(
    [seen?.rootId, seen?.domainId, seen?.started, seen?.superseded],
    [made.rootId, made.domainId, undefined, false],
  );
  assert.deepEqual(members(c), ['a full', 'b full', 'c blind', 'd blind']);
  await c.catalog.append([copyOf(made, a.siteId)]);
  await give(c, a);
  assert.equal(a.catalog.views.copiesOf(made.snapshotId).length, 1);
  // The day it is given the keys, it reads what it holds.
  await c.close();
  c.sealer = a.sealer;
  await c.open();
  assert.equal(c.catalog.views.datasetsNamed('secret-name').length, 0);
  await c.catalog.rebuildViews();
  assert.equal(c.catalog.views.datasetsNamed('secret-name').length, 1);
});

test('a kind of a later version is kept, counted and passed on', async (t) => {
  const [a, b] = (await sitesOf(t, 'a', 'b')) as [TestSite, TestSite];
  await pair(a, b);
  await converge(a, b);
  const { signBatch } = await import('./batch.ts');
  const { codecOf } = await import('#wire');
  const body = codecOf<{ kind: number }>('catalog.proto', 'sitepair.catalog.v1.Body').encode({ kind: 999 });
  const head = a.catalog.heads().find((found) => toHex(found.siteId) === toHex(a.siteId))!;
  const place = { siteId: a.siteId, incarnationId: head.incarnationId, incarnationNumber: 1, seq: head.seq + 1 };
  const rest = { previousHash: head.hash, headsSeen: [], allHeads: false, wallSeconds: 2 ** 52, wallNanos: 0 };
  const later = signBatch({ ...place, ...rest, bodies: [body, new Uint8Array([255, 255])] }, a.signer);
  assert.equal((await b.catalog.accept([later.signedBytes])).taken, 1);
  assert.deepEqual(b.catalog.views.bodyCounts(a.siteId), { unknown: new Map([[999, 1]]), sealed: 0, malformed: 1 });
  await give(b, a);
  assert.ok(agree(a, b));
  assert.equal(allViews(a), allViews(b));
});

test('what is no batch is refused one by one, and costs its neighbours nothing', async (t) => {
  const [a, b] = (await sitesOf(t, 'a', 'b')) as [TestSite, TestSite];
  await pair(a, b);
  await a.catalog.append([dataset('mail')]);
  const good: Uint8Array[] = [];
  for await (const batch of a.catalog.batchesAfter(b.catalog.chainHeads())) good.push(batch.signedBytes);
  const last = good.at(-1)!;
  const bad = [...good.slice(0, -1), new Uint8Array(0), new Uint8Array([9]), new Uint8Array(600_000), spoiled(last)];
  const accepted = await b.catalog.accept([...bad, last, last]);
  assert.deepEqual([accepted.taken, accepted.known], [good.length, 1]);
  const reasons = accepted.refused.map((refusal) => refusal.reason);
  assert.deepEqual(reasons, ['malformed', 'malformed', 'malformed', 'bad_signature']);
  assert.ok(b.catalog.problems().some((problem) => problem.kind === 'refused' && problem.count === 3));
});

test('batches in the wrong order are refused with what is needed, and taken in the right one', async (t) => {
  const [a, b] = (await sitesOf(t, 'a', 'b')) as [TestSite, TestSite];
  await pair(a, b);
  for (const name of ['x', 'y', 'z']) await a.catalog.append([dataset(name)]);
  const all: Uint8Array[] = [];
  for await (const batch of a.catalog.batchesAfter(b.catalog.chainHeads())) all.push(batch.signedBytes);
  const reversed = await b.catalog.accept([...all].reverse());
  assert.equal(reversed.taken, 1);
  assert.ok(reversed.refused.every((refusal) => refusal.reason === 'gap' && refusal.needs?.fromSeq === 0));
  assert.equal((await b.catalog.accept(all)).taken, all.length - 1);
  assert.equal((await b.catalog.accept(all)).known, all.length);
});

test('agents, keyrings and former realms are told as the last word about them', async (t) => {
  const [a, b] = (await sitesOf(t, 'a', 'b')) as [TestSite, TestSite];
  await pair(a, b);
  const publicKey = new Uint8Array(32).fill(1);
  const keyringHash = new Uint8Array(32).fill(2);
  const realmId = new Uint8Array(16).fill(3) as never;
  await a.catalog.append([
    { kind: 'agentRevoked', publicKey },
    { kind: 'agentEnrolled', name: 'laptop', publicKey, datasetNames: ['home'] },
    { kind: 'keyringHeld', keyringHash: new Uint8Array(32), dataKeyIds: [] },
    { kind: 'keyringHeld', keyringHash, dataKeyIds: [new Uint8Array(8) as never] },
    { kind: 'realmJoined', realmId, formerRealmId: realmId },
    {
      kind: 'siteDescribed',
      name: 'north',
      addressText: 'Hill 1',
      coordinates: { latitude: 1.5, longitude: -2 },
      addresses: ['n:7400'],
    },
  ]);
  await converge(a, b);
  assert.deepEqual(
    b.catalog.views.agents(a.siteId).map((agent) => [agent.name, agent.revoked]),
    [['laptop', true]],
  );
  assert.deepEqual(b.catalog.views.keyringHeldBy(a.siteId)?.keyringHash, keyringHash);
  assert.equal(b.catalog.views.formerRealms().length, 1);
  assert.deepEqual(b.catalog.views.sites()[0]?.coordinates, { latitude: 1.5, longitude: -2 });
});

test('an entry that nobody could read is refused where it is made', async (t) => {
  const [a] = (await sitesOf(t, 'a')) as [TestSite];
  const huge = { ...dataset('huge'), paths: [new Uint8Array(70_000)] };
  for (const entry of [dataset('../x'), huge, { ...dataset('ok'), datasetId: new Uint8Array(3) as never }]) {
    await assert.rejects(a.catalog.append([entry]), (error) => isAppError(error));
  }
  await a.catalog.append([dataset('fine')]);
});

function spoiled(signed: Uint8Array): Uint8Array {
  return signed.map((byte, i) => (i === signed.length - 1 ? byte ^ 1 : byte));
}
