import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { isAppError } from '#runtime';
import { parseRecord, RecordKind } from '#wire';
import { LmdbIndex } from './lmdb-index.ts';
import { decodePlace, encodePlace, type Place, placeKey, placeKeyBuffer } from './place.ts';
import type { Store } from './store.ts';
import { ForgetfulVolumes } from './testing/forgetful-volumes.ts';
import { openTestStore, temporaryFolder } from './testing/open-store.ts';
import { seededRandom, testDomain, testId, testRecord } from './testing/records.ts';

const random = seededRandom(5);

/** Appends records of both kinds, some ids twice, in groups; gives all ids. */
async function fill(store: Store, count: number) {
  const ids = [];
  const appends: Promise<void>[] = [];
  let twice = [testId(random)];
  for (let i = 0; i < count; i++) {
    const own = [testId(random), testId(random), ...(i % 5 === 0 ? twice : [])];
    const leaf = testRecord(random, { ids: own, sealedBytes: 300 });
    const node = testRecord(random, { kind: RecordKind.node, references: 3 });
    appends.push(store.append(leaf), store.append(node));
    if (i % 3 === 0) await store.flush();
    ids.push(...own, ...parseRecord(node).ids);
    if (i % 10 === 0) twice = [testId(random)];
  }
  await Promise.all([...appends, store.flush()]);
  return ids;
}

test('an index made from nothing equals the live one, also when footers are gone', async (t) => {
  const volumes = new ForgetfulVolumes();
  const folder = temporaryFolder(t);
  const { store } = await openTestStore(volumes, join(folder, 'live'), { limits: { groupBytes: 1 } });
  const ids = await fill(store, 60);
  const live = await store.locateMany(testDomain, ids);
  assert.ok(live.every((place) => place !== undefined));
  await store.reindex();
  assert.deepEqual(await store.locateMany(testDomain, ids), live);
  await store.close();
  const packs = volumes.names().filter((name) => name.endsWith('.pack'));
  assert.ok(packs.length > 5, `${packs.length} packs`);
  for (const name of packs.slice(2, 4)) volumes.set(name, volumes.get(name).subarray(0, -10));
  const again = await openTestStore(volumes, join(folder, 'new'));
  assert.deepEqual(await again.store.locateMany(testDomain, ids), live);
  assert.deepEqual(
    again.notices.map(({ code }) => code),
    ['pack_damaged', 'pack_damaged'],
  );
  await again.store.close();
});

test('what a crash kept from the index is read from the packs that it does not cover, and only from those', async (t) => {
  const volumes = new ForgetfulVolumes();
  const index = join(temporaryFolder(t), 'index');
  const { store } = await openTestStore(volumes, index);
  const before = await fill(store, 20);
  await store.close();
  const covered = new Set(volumes.names());
  // A second store writes on with an index of its own: to the first index these packs are what a crash left.
  const { store: other } = await openTestStore(volumes, join(temporaryFolder(t), 'index'));
  const after = await fill(other, 20);
  const live = await other.locateMany(testDomain, [...before, ...after]);
  const killed = volumes.copy();
  await other.close();
  const read = new Set<string>();
  killed.before = (operation, name) => {
    if (operation === 'read') read.add(name);
  };
  const again = await openTestStore(killed, index);
  assert.deepEqual(
    [...read].filter((name) => covered.has(name)),
    [],
  );
  assert.deepEqual(await again.store.locateMany(testDomain, [...before, ...after]), live);
  await again.store.close();
});

test('a pack that is read again late does not win over places that were written after it', async (t) => {
  const volumes = new ForgetfulVolumes();
  const index = join(temporaryFolder(t), 'index');
  const id = testId(random);
  for (let i = 0; i < 2; i++) {
    const { store } = await openTestStore(volumes, index);
    await Promise.all([store.append(testRecord(random, { ids: [id] })), store.flush()]);
    await store.close();
  }
  const lmdb = LmdbIndex.open(join(index, '0'), assert.fail);
  assert.deepEqual(
    lmdb.covered().map(({ number }) => number),
    [0, 1],
  );
  await lmdb.drop(0, []);
  await lmdb.close();
  const { store } = await openTestStore(volumes, index);
  assert.equal((await store.locate(testDomain, id))?.pack, 1);
  await store.close();
});

test('what is appended while the index is made anew is in it', async (t) => {
  const volumes = new ForgetfulVolumes();
  const index = join(temporaryFolder(t), 'index');
  const { store } = await openTestStore(volumes, index, { limits: { recentIdsMax: 8 } });
  const before = await fill(store, 20);
  const making = store.reindex();
  const during = await fill(store, 30);
  await making;
  const after = await fill(store, 5);
  const live = await store.locateMany(testDomain, [...before, ...during, ...after]);
  assert.ok(live.every((place) => place !== undefined));
  await store.close();
  assert.equal(readdirSync(index).length, 1);
  const again = await openTestStore(volumes, index);
  assert.deepEqual(await again.store.locateMany(testDomain, [...before, ...during, ...after]), live);
  await again.store.close();
});

test('a new index that cannot take the place of the old one is told as that, and the old one goes on', async (t) => {
  const index = join(temporaryFolder(t), 'index');
  const { store } = await openTestStore(new ForgetfulVolumes(), index);
  const ids = await fill(store, 10);
  const live = await store.locateMany(testDomain, ids);
  // What lies there already keeps the rename from happening, as a failing disk would.
  mkdirSync(join(index, '1', 'something'), { recursive: true });
  await assert.rejects(store.reindex(), (error) => isAppError(error, 'index_write_failed'));
  assert.deepEqual(await store.locateMany(testDomain, ids), live);
  rmSync(join(index, '1'), { recursive: true });
  await store.reindex();
  assert.deepEqual(await store.locateMany(testDomain, ids), live);
  await store.close();
});

test('an index that cannot be opened is made anew', async (t) => {
  const volumes = new ForgetfulVolumes();
  const index = join(temporaryFolder(t), 'index');
  const { store } = await openTestStore(volumes, index);
  const ids = await fill(store, 5);
  const live = await store.locateMany(testDomain, ids);
  await store.close();
  rmSync(join(index, '0'), { recursive: true });
  writeFileSync(join(index, '0'), 'not a folder');
  const again = await openTestStore(volumes, index);
  assert.deepEqual(
    again.notices.map(({ code }) => code),
    ['index_rebuilt'],
  );
  assert.deepEqual(await again.store.locateMany(testDomain, ids), live);
  await again.store.close();
});

test('an index of other bytes, a cut one and one with damaged pages are made anew, and never end the process', async (t) => {
  const volumes = new ForgetfulVolumes();
  const index = join(temporaryFolder(t), 'index');
  const { store } = await openTestStore(volumes, index);
  const ids = await fill(store, 40);
  const live = await store.locateMany(testDomain, ids);
  await store.close();
  const file = join(index, '0/index.mdb');
  const whole = readFileSync(file);
  const damaged = {
    'other bytes': Buffer.alloc(20_000, 7),
    cut: whole.subarray(0, 5000),
    'no root page': Buffer.concat([whole.subarray(0, 8192), Buffer.alloc(whole.length - 8192)]),
  };
  for (const [what, content] of Object.entries(damaged)) {
    rmSync(index, { recursive: true });
    mkdirSync(join(index, '0'), { recursive: true });
    writeFileSync(file, content);
    const again = await openTestStore(volumes, index);
    assert.deepEqual(
      again.notices.map(({ code }) => code),
      ['index_rebuilt'],
      what,
    );
    assert.deepEqual(await again.store.locateMany(testDomain, ids), live, what);
    await again.store.close();
  }
});

test('an index whose opening ended the process twice is not opened a third time', async (t) => {
  const volumes = new ForgetfulVolumes();
  const index = join(temporaryFolder(t), 'index');
  const { store } = await openTestStore(volumes, index);
  const ids = await fill(store, 5);
  await store.close();
  for (const [attempts, codes] of [
    ['.', []],
    ['..', ['index_rebuilt']],
  ] as const) {
    writeFileSync(join(index, 'opening'), attempts);
    const again = await openTestStore(volumes, index);
    assert.deepEqual(
      again.notices.map(({ code }) => code),
      codes,
    );
    assert.ok((await again.store.has(testDomain, ids)).every(Boolean));
    await again.store.close();
  }
});

test('an entry of another pack than the table holds is absent, and a damaged value is too', async (t) => {
  const folder = temporaryFolder(t);
  const index = LmdbIndex.open(folder, assert.fail);
  const [key, other] = [placeKey(testDomain, testId(random)), placeKey(testDomain, testId(random))];
  const place: Place = {
    pack: 9_999_999_999,
    offset: 2 ** 32 - 1,
    length: 5_000_000,
    kind: RecordKind.leaf,
    position: 4095,
  };
  await index.put([[key, place]]);
  assert.deepEqual(await index.lookup([other, key]), [undefined, place]);
  const value = encodePlace(placeKeyBuffer(key), place);
  for (let bit = 0; bit < value.length * 8; bit++) {
    const flipped = Buffer.from(value);
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    assert.equal(decodePlace(placeKeyBuffer(key), flipped), undefined);
  }
  assert.equal(decodePlace(placeKeyBuffer(other), value), undefined);
  await index.close();
  const volumes = new ForgetfulVolumes();
  const { store } = await openTestStore(volumes, join(folder, 'index'));
  await Promise.all([store.append(testRecord(random)), store.flush()]);
  await assert.rejects(store.readAt({ pack: 77, offset: 64, length: 200 }), (error) => isAppError(error, 'place_gone'));
  await assert.rejects(store.repairPack(77), (error) => isAppError(error, 'no_such_pack'));
  await store.close();
});
