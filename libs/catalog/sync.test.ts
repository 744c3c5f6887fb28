import assert from 'node:assert/strict';
import { cpSync, rmSync } from 'node:fs';
import { test } from 'node:test';
import { isAppError } from '#runtime';
import { catalogLimits } from './limits.ts';
import { convergeCatalog, syncCatalog } from './sync.ts';
import { channelPair } from './testing/channel-pair.ts';
import { agree, allViews, dataset, pair, snapshot, TestSite } from './testing/test-site.ts';

async function paired(t: { after(run: () => Promise<unknown>): void }): Promise<[TestSite, TestSite]> {
  const [a, b] = [await new TestSite('a').init(), await new TestSite('b').init()];
  t.after(() => Promise.all([a.remove(), b.remove()]));
  await pair(a, b);
  return [a, b];
}

async function convergeOnce(a: TestSite, b: TestSite): Promise<void> {
  const [left, right] = channelPair();
  await Promise.all([convergeCatalog(a.catalog, left), convergeCatalog(b.catalog, right)]);
}

async function until(isTrue: () => boolean): Promise<void> {
  for (let i = 0; i < 2000 && !isTrue(); i++) await new Promise((resolve) => setTimeout(resolve, 1));
  assert.ok(isTrue());
}

test('one exchange makes both ends agree, and both know it', async (t) => {
  const [a, b] = await paired(t);
  const mail = dataset('mail');
  await a.catalog.append([mail, snapshot(mail, '1', 1)]);
  await b.catalog.append([dataset('files')]);
  await convergeOnce(a, b);
  assert.ok(agree(a, b));
  assert.equal(allViews(a), allViews(b));
  await convergeOnce(a, b);
});

test('a long log goes in messages below the limit', async (t) => {
  const [a, b] = await paired(t);
  const mail = dataset('mail');
  for (let i = 0; i < 7; i++) {
    await a.catalog.append(Array.from({ length: 600 }, (_, j) => snapshot(mail, `${i} ${j}`, i * 1000 + j)));
  }
  const [left, right] = channelPair();
  await Promise.all([convergeCatalog(a.catalog, left), convergeCatalog(b.catalog, right)]);
  assert.ok(agree(a, b));
  assert.ok(left.sent.length > 2);
  for (const message of [...left.sent, ...right.sent]) assert.ok(message.length <= catalogLimits.messageBytes);
});

test('while both are linked, what one appends the other shows', async (t) => {
  const [a, b] = await paired(t);
  const [left, right] = channelPair();
  const stop = new AbortController();
  const live = [
    syncCatalog(a.catalog, left, { signal: stop.signal }),
    syncCatalog(b.catalog, right, { signal: stop.signal }),
  ];
  await until(() => agree(a, b));
  for (let i = 0; i < 5; i++) {
    await Promise.all([a.catalog.append([dataset(`a${i}`)]), b.catalog.append([dataset(`b${i}`)])]);
    await until(() => agree(a, b));
  }
  assert.equal(b.catalog.views.datasets().length, 10);
  stop.abort();
  await Promise.all(live);
});

test('a chain of live exchanges carries an entry to the far end, and nothing circles afterwards', async (t) => {
  const [a, b] = await paired(t);
  const c = await new TestSite('c').init();
  t.after(() => c.remove());
  await pair(b, c);
  await pair(c, a);
  const stop = new AbortController();
  const ends = [channelPair(), channelPair(), channelPair()];
  const sites = [a, b, c];
  const live = ends.flatMap(([left, right], i) => [
    syncCatalog(sites[i]!.catalog, left, { signal: stop.signal }),
    syncCatalog(sites[(i + 1) % 3]!.catalog, right, { signal: stop.signal }),
  ]);
  await until(() => agree(a, b) && agree(b, c));
  await a.catalog.append([dataset('far')]);
  await until(() => agree(a, b) && agree(b, c));
  assert.equal(c.catalog.views.datasetsNamed('far').length, 1);
  const count = () => ends.flat().reduce((sum, end) => sum + end.sent.length, 0);
  await new Promise((resolve) => setTimeout(resolve, 50));
  const quiet = count();
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(count(), quiet);
  stop.abort();
  await Promise.all(live);
});

test('two catalogs that cannot verify each other say so instead of waiting', async (t) => {
  const [a, b] = [await new TestSite('a').init(), await new TestSite('b').init()];
  t.after(() => Promise.all([a.remove(), b.remove()]));
  const [left, right] = channelPair();
  const ends = await Promise.allSettled([convergeCatalog(a.catalog, left), convergeCatalog(b.catalog, right)]);
  for (const end of ends) assert.ok(end.status === 'rejected' && isAppError(end.reason, 'catalog_not_converged'));
});

test('the end of the other side ends a live exchange, and fails a single one', async (t) => {
  const [a] = await paired(t);
  const [left, right] = channelPair();
  right.end();
  await syncCatalog(a.catalog, left);
  const [again, other] = channelPair();
  other.end();
  await assert.rejects(convergeCatalog(a.catalog, again), (error) => isAppError(error, 'catalog_exchange_ended'));
});

test('nonsense from a peer ends the exchange with one clear error', async (t) => {
  const [a] = await paired(t);
  for (const nonsense of [new Uint8Array([1, 2, 3]), new Uint8Array(0), new Uint8Array(2_000_000)]) {
    const [left, right] = channelPair();
    await right.send(nonsense);
    await assert.rejects(syncCatalog(a.catalog, left), (error) => isAppError(error));
  }
});

test('a site whose disk was set back has all of its own log again before it is told that it was heard', async (t) => {
  const [a, b] = await paired(t);
  await convergeOnce(a, b);
  await a.close();
  const copy = `${a.folder}-copy`;
  t.after(() => rmSync(copy, { recursive: true }));
  cpSync(a.folder, copy, { recursive: true });
  await a.open();
  const mail = dataset('mail');
  await a.catalog.append([mail]);
  await a.catalog.append([snapshot(mail, '1', 1)]);
  await convergeOnce(a, b);
  await a.close();
  rmSync(a.folder, { recursive: true });
  cpSync(copy, a.folder, { recursive: true });
  await a.open();
  const heard: string[] = [];
  const [left, right] = channelPair();
  const onHeard = (site: TestSite) => () => heard.push(`${site.name} ${agree(a, b)}`);
  await Promise.all([
    convergeCatalog(a.catalog, left, { onHeard: onHeard(a) }),
    convergeCatalog(b.catalog, right, { onHeard: onHeard(b) }),
  ]);
  assert.deepEqual(heard.sort(), ['a true', heard.find((one) => one.startsWith('b'))].sort());
  await assert.rejects(a.catalog.append([dataset('late')]), (error) => isAppError(error, 'catalog_incarnation_needed'));
});
