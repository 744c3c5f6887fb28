import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { asId, type RecordId } from '#model';
import { equalBytes, isAppError, jsonCheckOf, toHex } from '#runtime';
import { parseRecord, RecordKind } from '#wire';
import { markerBytes } from './commit-marker.ts';
import { packHeaderBytes } from './pack-header.ts';
import type { Store, StoreOptions } from './store.ts';
import { ForgetfulVolumes } from './testing/forgetful-volumes.ts';
import { folderVolumes, openTestStore, temporaryFolder } from './testing/open-store.ts';
import { seededRandom, testDomain, testId, testRecord } from './testing/records.ts';

const random = seededRandom(1);
const none = new Uint8Array(0);

async function inFolder(t: TestContext, more: Partial<StoreOptions> = {}) {
  const folder = temporaryFolder(t);
  const volumes = await folderVolumes(t, join(folder, 'packs'));
  const open = () => openTestStore(volumes, join(folder, 'index'), more);
  return { folder, packs: join(folder, 'packs'), index: join(folder, 'index'), open, ...(await open()) };
}

const packFiles = (packs: string) =>
  readdirSync(packs, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\d{10}/.test(name))
    .sort();

async function readsBack(store: Store, records: readonly Uint8Array[]): Promise<void> {
  for (const bytes of records) {
    const { ids } = parseRecord(bytes);
    for (const id of ids) assert.ok(equalBytes((await store.read(testDomain, id))?.bytes ?? none, bytes));
  }
}

test('what was appended is pending until it is durable, then it is found and read back', async (t) => {
  const { store } = await inFolder(t);
  const record = testRecord(random, { ids: 3, sealedBytes: 500 });
  const [first, second] = parseRecord(record).ids;
  assert.ok(first && second);
  const durable = store.append(record);
  assert.equal(store.isPending(testDomain, second), true);
  assert.deepEqual(await store.has(testDomain, [first, second]), [false, false]);
  const flushed = store.flush();
  await durable;
  await flushed;
  assert.equal(store.isPending(testDomain, second), false);
  assert.deepEqual(await store.has(testDomain, [first, testId(random), second]), [true, false, true]);
  assert.equal((await store.locate(testDomain, second))?.position, 1);
  assert.equal(await store.kindOf(testDomain, second), RecordKind.leaf);
  assert.equal(await store.read(testDomain, testId(random)), undefined);
  await readsBack(store, [record]);
  await store.close();
});

test('leaves and nodes lie in packs of their own, listed in the order they were appended', async (t) => {
  const { store, packs } = await inFolder(t);
  const leaves = Array.from({ length: 4 }, () => testRecord(random, { ids: 2 }));
  const nodes = Array.from({ length: 3 }, () => testRecord(random, { kind: RecordKind.node, references: 5 }));
  await Promise.all([...leaves, ...nodes].map((record) => store.append(record)).concat(store.flush()));
  const listed = async (only?: { kind: RecordKind }) => {
    const found = [];
    for await (const { pack, offset, length } of store.records(only)) {
      found.push(toHex((await store.readAt({ pack, offset, length })).bytes));
    }
    return found;
  };
  assert.deepEqual(await listed({ kind: RecordKind.leaf }), leaves.map(toHex));
  assert.deepEqual(await listed({ kind: RecordKind.node }), nodes.map(toHex));
  assert.equal((await listed()).length, 7);
  assert.equal(store.statistics().records, 7);
  await store.close();
  assert.equal(packFiles(packs).filter((name) => name.endsWith('.pack')).length, 2);
});

test('packs are closed when they are full, and a reopened store reads all of them without reading the packs', async (t) => {
  const { store, open, packs } = await inFolder(t);
  const records = Array.from({ length: 60 }, () => testRecord(random, { sealedBytes: 1000 }));
  for (const record of records) await Promise.all([store.append(record), store.flush()]);
  await readsBack(store, records);
  const before = store.statistics();
  assert.ok(before.packs >= 8, `${before.packs} packs`);
  await store.close();
  assert.ok(packFiles(packs).every((name) => name.endsWith('.pack')));
  const again = await open();
  assert.deepEqual(again.notices, []);
  assert.equal(again.store.statistics().packs, before.packs);
  assert.equal(again.store.statistics().records, 60);
  await readsBack(again.store, records);
  await again.store.close();
});

test('an append resolves only after everything that was appended before it', async (t) => {
  const { store } = await inFolder(t, { limits: { groupBytes: 3000 } });
  const order: number[] = [];
  await Promise.all(
    Array.from({ length: 40 }, async (_, i) => {
      const kind = i % 3 === 0 ? RecordKind.node : RecordKind.leaf;
      await store.append(testRecord(random, { kind, sealedBytes: 600 }));
      order.push(i);
    }).concat(store.flush()),
  );
  assert.deepEqual(
    order,
    Array.from({ length: 40 }, (_, i) => i),
  );
  await store.close();
});

test('while a group is being synced the next one is written, but not marked: only the last can ever be torn', async (t) => {
  const volumes = new ForgetfulVolumes();
  const { store } = await openTestStore(volumes, join(temporaryFolder(t), 'index'));
  const synced = Promise.withResolvers<void>();
  const written = Promise.withResolvers<void>();
  let appends = 0;
  volumes.before = (operation) => {
    if (operation === 'append') appends += 1;
    if (appends === 3) written.resolve();
    return operation === 'datasync' ? synced.promise : undefined;
  };
  const [first, second] = [testRecord(random), testRecord(random)];
  const order: string[] = [];
  const durable: Promise<unknown>[] = [store.append(first).then(() => order.push('first')), store.flush()];
  durable.push(
    store.append(second).then(() => order.push('second')),
    store.flush(),
  );
  await written.promise;
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(order, []);
  const grown = packHeaderBytes + first.length + markerBytes + second.length;
  assert.equal(volumes.get('000000/0000000000.open').length, grown);
  synced.resolve();
  await Promise.all(durable);
  assert.deepEqual(order, ['first', 'second']);
  assert.equal(volumes.get('000000/0000000000.open').length, grown + markerBytes);
  await store.close();
});

test('without a flush a group is committed when its time is up', async (t) => {
  const { store } = await inFolder(t, { limits: { commitDelayMs: 5 } });
  await Promise.all([store.append(testRecord(random)), store.append(testRecord(random))]);
  await store.flush();
  assert.equal(store.statistics().pendingBytes, 0);
  await store.close();
});

test('an id that is stored twice is read from its later place, and both places stay readable', async (t) => {
  const { store, open } = await inFolder(t);
  const id = testId(random);
  const [first, second] = [testRecord(random, { ids: [id] }), testRecord(random, { ids: [testId(random), id] })];
  await Promise.all([store.append(first), store.flush()]);
  const place = await store.locate(testDomain, id);
  assert.ok(place);
  await Promise.all([store.append(second), store.flush()]);
  await readsBack(store, [second]);
  assert.ok(equalBytes((await store.readAt(place)).bytes, first));
  await store.close();
  const again = await open();
  await readsBack(again.store, [second]);
  assert.ok(equalBytes((await again.store.readAt(place)).bytes, first));
  await again.store.close();
});

test('a damaged record is refused before anything is written', async (t) => {
  const { store } = await inFolder(t);
  const record = testRecord(random);
  record[70] = (record[70] ?? 0) ^ 1;
  await assert.rejects(store.append(record), (error) => isAppError(error, 'record_damaged'));
  assert.equal(store.statistics().pendingBytes, 0);
  await store.close();
});

test('more than may wait in memory is refused with store_busy, and taken again later', async (t) => {
  const { store } = await inFolder(t, { limits: { pendingBytesMax: 2500 } });
  const taken = [
    store.append(testRecord(random, { sealedBytes: 1000 })),
    store.append(testRecord(random, { sealedBytes: 1000 })),
  ];
  await assert.rejects(store.append(testRecord(random, { sealedBytes: 1000 })), (error) => {
    return isAppError(error, 'store_busy') && error.retryable;
  });
  await Promise.all([...taken, store.flush()]);
  await Promise.all([store.append(testRecord(random, { sealedBytes: 1000 })), store.flush()]);
  await store.close();
  await assert.rejects(store.append(testRecord(random)), (error) => isAppError(error, 'store_closed'));
});

test('a pack of another realm is refused by name, and taken when its realm was ours', async (t) => {
  const { store, open, folder, index, packs } = await inFolder(t);
  await Promise.all([store.append(testRecord(random)), store.flush()]);
  await store.close();
  const volumes = await folderVolumes(t, packs);
  const ours = asId('RealmId', new Uint8Array(16).fill(5));
  const theirs = asId('RealmId', new Uint8Array(16).fill(1));
  await assert.rejects(openTestStore(volumes, join(folder, 'index2'), { realmId: ours }), (error) => {
    return isAppError(error, 'foreign_store');
  });
  rmSync(join(packs, 'store.json'));
  rmSync(index, { recursive: true });
  await assert.rejects(openTestStore(volumes, join(folder, 'index2'), { realmId: ours }), (error) => {
    return isAppError(error, 'foreign_pack') && error.details.pack === '000000/0000000000.pack';
  });
  const taken = await openTestStore(volumes, index, { realmId: ours, acceptedRealmIds: [theirs] });
  assert.equal(taken.store.statistics().records, 1);
  await taken.store.close();
  await assert.rejects(open(), (error) => isAppError(error, 'foreign_store'));
});

test('a changed byte of store.json does not make another store of it: it is written anew', async (t) => {
  const { store, packs, folder } = await inFolder(t);
  await store.close();
  const path = join(packs, 'store.json');
  const whole = readFileSync(path, 'utf8');
  for (const changed of [whole.replace('0101', '0131'), whole.replace('"format":1', '"format":3')]) {
    writeFileSync(path, changed);
    const { store: opened } = await openTestStore(await folderVolumes(t, packs), join(folder, 'index3'));
    await opened.close();
    assert.equal(readFileSync(path, 'utf8'), whole);
  }
  const { check: _, ...earlier } = JSON.parse(whole) as Record<string, unknown>;
  writeFileSync(path, JSON.stringify(earlier));
  const { store: opened } = await openTestStore(await folderVolumes(t, packs), join(folder, 'index3'));
  await opened.close();
  assert.equal(readFileSync(path, 'utf8'), whole);
});

test('a store.json of a later version is left as it is, whatever it says beside', async (t) => {
  const { store, packs, folder } = await inFolder(t);
  await store.close();
  const { check: _, ...claim } = JSON.parse(readFileSync(join(packs, 'store.json'), 'utf8')) as Record<string, unknown>;
  const later = { ...claim, format: 2, tiers: ['disk'] };
  const text = JSON.stringify({ ...later, check: jsonCheckOf(later) });
  writeFileSync(join(packs, 'store.json'), text);
  await assert.rejects(openTestStore(await folderVolumes(t, packs), join(folder, 'index4')), { code: 'pack_too_new' });
  assert.equal(readFileSync(join(packs, 'store.json'), 'utf8'), text);
});

test('volumes of another site are refused, and store.json is plain text', async (t) => {
  const { store, packs, folder } = await inFolder(t);
  await store.close();
  const { check, ...claim } = JSON.parse(readFileSync(join(packs, 'store.json'), 'utf8')) as Record<string, unknown>;
  assert.match(String(check), /^[0-9a-f]{32}$/);
  assert.deepEqual(claim, { format: 1, realmId: '01'.repeat(16), siteId: '02'.repeat(16) });
  const volumes = await folderVolumes(t, packs);
  const siteId = asId('SiteId', new Uint8Array(16).fill(3));
  await assert.rejects(openTestStore(volumes, join(folder, 'index2'), { siteId }), (error) =>
    isAppError(error, 'foreign_store'),
  );
  writeFileSync(join(packs, 'store.json'), 'not json');
  const { store: rewritten } = await openTestStore(volumes, join(folder, 'index2'));
  await rewritten.close();
  assert.match(readFileSync(join(packs, 'store.json'), 'utf8'), /"format":1/);
});

test('pack numbers are never used again, also when the last pack is gone', async (t) => {
  const { store, open, packs } = await inFolder(t);
  await Promise.all([store.append(testRecord(random)), store.flush()]);
  await store.close();
  rmSync(join(packs, '000000/0000000000.pack'));
  const { store: again, notices } = await open();
  assert.deepEqual(
    notices.map(({ code }) => code),
    ['pack_missing'],
  );
  assert.equal(again.statistics().records, 0);
  await Promise.all([again.append(testRecord(random)), again.flush()]);
  await again.close();
  assert.deepEqual(packFiles(packs), ['000000/0000000001.pack']);
});

test('reads and appends go on while packs are closed, scrubbed and replaced, and the index is made anew', async (t) => {
  const { store, open, packs } = await inFolder(t, { limits: { recentIdsMax: 32, packBytes: 20_000 } });
  const stored: Uint8Array[] = [];
  let working = true;
  const append = async () => {
    while (working) {
      const records = Array.from({ length: 5 }, (_, i) =>
        testRecord(random, { kind: i === 0 ? 2 : 1, sealedBytes: 900 }),
      );
      await Promise.all([...records.map((record) => store.append(record)), store.flush()]);
      stored.push(...records);
    }
  };
  const read = async () => {
    while (working) {
      const record = stored[Math.floor(Math.random() * stored.length)];
      if (record === undefined) await store.flush();
      else await readsBack(store, [record]);
    }
  };
  const maintain = async () => {
    for (let round = 0; round < 2; round++) {
      for await (const finding of store.scrub()) assert.fail(JSON.stringify(finding));
      const [pack] = new Set(
        (await store.locateMany(testDomain, stored.slice(0, 50).map(idOf))).map((place) => place?.pack),
      );
      if (pack !== undefined) await store.repairPack(pack);
      await store.reindex();
    }
    working = false;
  };
  const all = [append(), append(), read(), read(), maintain()];
  try {
    await Promise.all(all);
  } finally {
    working = false;
    await Promise.allSettled(all);
  }
  await readsBack(store, stored);
  await store.close();
  const again = await open();
  assert.deepEqual(again.notices, []);
  await readsBack(again.store, stored);
  const findings = [];
  for await (const finding of again.store.checkStructure()) findings.push(finding);
  assert.deepEqual(findings, []);
  await again.store.close();
  assert.ok(packFiles(packs).every((name) => name.endsWith('.pack')));
});

function idOf(record: Uint8Array): RecordId {
  const [id] = parseRecord(record).ids;
  assert.ok(id);
  return id;
}
