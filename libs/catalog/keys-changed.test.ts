import assert from 'node:assert/strict';
import { cpSync } from 'node:fs';
import { test } from 'node:test';
import { equalBytes, isAppError, toHex } from '#runtime';
import type { BodySealer } from './ports.ts';
import { testKit, testSealer, testSigner } from './testing/test-keys.ts';
import { allViews, converge, copyOf, dataset, give, pair, snapshot, TestSite } from './testing/test-site.ts';

const tree = dataset('tree', 'a');
const made = snapshot(tree, '1', 10);

async function pairOf(t: { after(work: () => unknown): void }): Promise<[TestSite, TestSite]> {
  const [a, b] = [new TestSite('a'), new TestSite('b')];
  t.after(async () => {
    await a.remove();
    await b.remove();
  });
  await a.init();
  await b.init();
  await pair(a, b);
  await converge(a, b);
  return [a, b];
}

test('what was sealed under a key that comes later is seen as soon as the key is there', async (t) => {
  const [a, b] = [new TestSite('a'), new TestSite('b')];
  t.after(async () => {
    await a.remove();
    await b.remove();
  });
  const later = testSealer('a later key');
  let has = false;
  const usual = b.sealer;
  b.sealer = {
    seal: (plain, aad) => usual.seal(plain, aad),
    open: (body: Parameters<BodySealer['open']>[0], aad) =>
      usual.open(body, aad) ?? (has ? later.open(body, aad) : undefined),
  };
  a.sealer = later;
  await a.init();
  await b.init();
  await pair(a, b);
  await a.catalog.append([tree, made, copyOf(made, a.siteId)]);
  await converge(a, b);
  assert.equal(b.catalog.views.datasetsNamed('tree').length, 0);
  assert.ok(b.catalog.views.bodyCounts(a.siteId).sealed > 0);
  let told = 0;
  b.catalog.onChange(() => told++);
  has = true;
  await b.catalog.keysChanged();
  assert.equal(b.catalog.views.datasetsNamed('tree').length, 1);
  assert.equal(b.catalog.views.copiesOf(made.snapshotId).length, 1);
  assert.equal(b.catalog.views.bodyCounts(a.siteId).sealed, 0);
  assert.equal(told, 1);
  await b.catalog.keysChanged();
  assert.equal(told, 1, 'nothing new, nobody is told');
});

test('a new kit on a site that goes on as it is leaves its copies where they are, at every site', async (t) => {
  const [a, b] = await pairOf(t);
  await a.catalog.append([tree, made, copyOf(made, a.siteId)]);
  const kit = testKit('a, second');
  await a.catalog.openIncarnation({ signer: a.signer, kit: a.kit, keepsCopies: true });
  const kits = [{ ...a.kit, voided: true }, kit];
  for (const site of [a, b]) site.known.set(toHex(a.siteId), { publicKeys: [a.signer.publicKey], kits });
  await a.catalog.openIncarnation({ signer: a.signer, kit, keepsCopies: true });
  await converge(a, b);
  for (const site of [a, b]) assert.equal(site.catalog.views.copiesOf(made.snapshotId).length, 1, site.name);
  const before = allViews(b);
  await b.catalog.rebuildViews();
  assert.equal(allViews(b), before);
  await a.catalog.openIncarnation({ signer: a.signer, kit });
  await converge(a, b);
  for (const site of [a, b]) assert.deepEqual(site.catalog.views.copiesOf(made.snapshotId), [], site.name);
});

test('a disk that was set back cannot say that its copies stand', async (t) => {
  const [a, b] = await pairOf(t);
  const folder = `${a.folder}-back`;
  await a.close();
  cpSync(a.folder, folder, { recursive: true });
  const back = new TestSite('a', folder);
  t.after(() => back.remove());
  for (const [id, keys] of a.known) back.known.set(id, keys);
  back.signer = a.signer;
  await a.open();
  await a.catalog.append([tree]);
  await converge(a, b);
  await back.open();
  await give(b, back);
  await assert.rejects(back.catalog.openIncarnation({ signer: a.signer, kit: a.kit, keepsCopies: true }), (error) =>
    isAppError(error, 'catalog_incarnation_needed'),
  );
});

test('a kit that is heard to be void takes back what it has opened, whichever came first', async (t) => {
  const [a, b] = await pairOf(t);
  const folder = `${a.folder}-thief`;
  await a.close();
  cpSync(a.folder, folder, { recursive: true });
  const thief = new TestSite('a', folder);
  t.after(() => thief.remove());
  for (const [id, keys] of a.known) thief.known.set(id, keys);
  // It has the paper and the log, and not the key.
  thief.signer = testSigner('thief');
  await thief.open();
  const { publicKey } = a.signer;
  await thief.reopenLog(true);
  await give(thief, b);
  const keyAtB = () => b.catalog.identityKeyOf(a.siteId) ?? new Uint8Array(0);
  assert.ok(equalBytes(keyAtB(), thief.signer.publicKey));
  const newKit = testKit('a, second');
  b.known.set(toHex(a.siteId), { publicKeys: [publicKey], kits: [{ ...a.kit, voided: true }, newKit] });
  await b.catalog.keysChanged();
  assert.ok(equalBytes(keyAtB(), publicKey));
});
