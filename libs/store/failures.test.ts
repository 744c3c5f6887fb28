import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { equalBytes, isAppError } from '#runtime';
import { volumeFull, volumeIoError } from '#targets';
import { FolderVolumes } from '#targets/folder';
import { parseRecord } from '#wire';
import type { Store } from './store.ts';
import { ForgetfulVolumes, type Operation } from './testing/forgetful-volumes.ts';
import { MemoryIndexHome } from './testing/memory-index.ts';
import { openTestStore, temporaryFolder } from './testing/open-store.ts';
import { seededRandom, testDomain, testRecord } from './testing/records.ts';

const random = seededRandom(6);

async function reads(store: Store, bytes: Uint8Array): Promise<boolean> {
  const [id] = parseRecord(bytes).ids;
  assert.ok(id);
  const record = await store.read(testDomain, id);
  return record !== undefined && equalBytes(record.bytes, bytes);
}

async function store3(store: Store): Promise<Uint8Array[]> {
  const records = Array.from({ length: 3 }, () => testRecord(random, { sealedBytes: 200 }));
  await Promise.all([...records.map((record) => store.append(record)), store.flush()]);
  return records;
}

for (const operation of ['create', 'append', 'datasync', 'rename'] as const) {
  test(`a full disk at ${operation} is told, costs nothing acknowledged, and ends when space returns`, async () => {
    const volumes = new ForgetfulVolumes();
    const index = new MemoryIndexHome();
    // Each group in a pack of its own, so that every operation is met.
    const { store } = await openTestStore(volumes, index, { limits: { packBytes: 1 } });
    const kept = await store3(store);
    let failed = 0;
    volumes.before = (asked) => {
      if (asked !== operation) return;
      failed += 1;
      throw volumeFull(`do ${operation}`);
    };
    const lost = testRecord(random);
    const outcomes = await Promise.allSettled([store.append(lost), store.flush()]);
    assert.ok(failed > 0 || operation === 'rename');
    if (operation !== 'rename') {
      for (const outcome of outcomes) {
        assert.equal(outcome.status, 'rejected');
        assert.ok(isAppError(outcome.reason, 'volume_full') && !outcome.reason.retryable);
        assert.equal(outcome.reason.details.sendAgain, true);
      }
      assert.equal(store.isPending(testDomain, parseRecord(lost).ids[0] ?? assert.fail()), false);
      assert.equal(await reads(store, lost), false);
    }
    for (const record of kept) assert.ok(await reads(store, record));
    volumes.before = () => undefined;
    for await (const finding of store.checkStructure()) assert.fail(finding.message);
    kept.push(...(await store3(store)), ...(await store3(store)));
    for (const record of kept) assert.ok(await reads(store, record));
    await store.close();
    const again = await openTestStore(volumes, index);
    for (const record of kept) assert.ok(await reads(again.store, record));
    assert.ok(
      volumes.names().every((name) => !name.endsWith('.open')),
      String(volumes.names()),
    );
    await again.store.close();
  });
}

test('a sync that failed is never tried again on that file, and its window is refused as a whole', async () => {
  const volumes = new ForgetfulVolumes();
  const index = new MemoryIndexHome();
  const { store } = await openTestStore(volumes, index);
  const kept = await store3(store);
  const synced: string[] = [];
  let failing = true;
  volumes.before = (operation, name) => {
    if (operation !== 'datasync') return;
    synced.push(name);
    if (failing) throw volumeIoError(`sync ${name}`);
  };
  const window = [testRecord(random), testRecord(random), testRecord(random)];
  const first = store.append(window[0] ?? assert.fail());
  const flushed = store.flush();
  const behind = window.slice(1).map((record) => store.append(record));
  for (const outcome of await Promise.allSettled([first, flushed, ...behind])) {
    assert.equal(outcome.status, 'rejected');
    assert.ok(isAppError(outcome.reason, 'volume_io_error') && outcome.reason.retryable);
  }
  failing = false;
  for (const record of window) assert.equal(await reads(store, record), false);
  await Promise.all([...window.map((record) => store.append(record)), store.flush()]);
  for (const record of [...kept, ...window]) assert.ok(await reads(store, record));
  assert.deepEqual(synced, ['000000/0000000000.open', '000000/0000000001.open']);
  // The failed pack reads well in memory and lies nowhere; what a restart takes from it must be written anew.
  const killed = volumes.copy();
  await store.close();
  const again = await openTestStore(killed, new MemoryIndexHome());
  const cut = killed.afterPowerCut(random);
  await again.store.close();
  const last = await openTestStore(cut, new MemoryIndexHome());
  for (const record of [...kept, ...window]) assert.ok(await reads(last.store, record));
  await last.store.close();
});

test('the store keeps its promises when every single operation in turn fails once', async () => {
  const run = async (failAt: number): Promise<number> => {
    const volumes = new ForgetfulVolumes();
    const index = new MemoryIndexHome();
    const limits = { packBytes: 1500, groupBytes: 500, recentIdsMax: 4 };
    const { store } = await openTestStore(volumes, index, { limits });
    let count = 0;
    volumes.before = (operation: Operation) => {
      if (operation === 'read') return;
      count += 1;
      if (count === failAt) throw volumeFull(operation);
    };
    const kept: Uint8Array[] = [];
    for (let round = 0; round < 6; round++) {
      const records = [testRecord(random, { sealedBytes: 200 }), testRecord(random, { kind: 2, sealedBytes: 100 })];
      const appended = records.map((record) => store.append(record));
      const [flushed, ...outcomes] = await Promise.allSettled([store.flush(), ...appended]);
      assert.equal(flushed.status, outcomes.every(({ status }) => status === 'fulfilled') ? 'fulfilled' : 'rejected');
      kept.push(...records.filter((_, i) => outcomes[i]?.status === 'fulfilled'));
    }
    assert.ok(kept.length >= 6, `${kept.length} kept when operation ${failAt} failed`);
    for (const record of kept) assert.ok(await reads(store, record), `operation ${failAt}`);
    await store.close();
    const again = await openTestStore(volumes, index);
    for (const record of kept) assert.ok(await reads(again.store, record), `operation ${failAt}, reopened`);
    await again.store.close();
    return count;
  };
  const operations = await run(-1);
  assert.ok(operations > 20);
  for (let failAt = 1; failAt <= operations; failAt++) await run(failAt);
});

test('on a real disk that is full, reading goes on, and writing too after space came back', async (t) => {
  const folder = temporaryFolder(t);
  const packs = join(folder, 'packs');
  mkdirSync(packs);
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=512k', 'tmpfs', packs]).status !== 0) {
    return t.skip('needs root and mount to make a small tmpfs');
  }
  try {
    await fillDisk(packs, join(folder, 'index'));
  } finally {
    spawnSync('umount', ['-l', packs]);
  }
});

async function fillDisk(packs: string, index: string): Promise<void> {
  const volumes = await FolderVolumes.open(packs);
  const { store } = await openTestStore(volumes, index, { limits: { packBytes: 64 * 1024 } });
  const kept: Uint8Array[] = [];
  writeFileSync(join(packs, 'ballast'), Buffer.alloc(200 * 1024));
  const append = async () => {
    const record = testRecord(random, { sealedBytes: 20_000 });
    await Promise.all([store.append(record), store.flush()]);
    kept.push(record);
  };
  const untilFull = async () => {
    for (let i = 0; i < 100; i++) await append();
  };
  await assert.rejects(untilFull(), (error) => isAppError(error, 'volume_full'));
  assert.ok(kept.length >= 5);
  for (const record of kept) assert.ok(await reads(store, record));
  await assert.rejects(append(), (error) => isAppError(error, 'volume_full'));
  rmSync(join(packs, 'ballast'));
  for (let i = 0; i < 4; i++) await append();
  for (const record of kept) assert.ok(await reads(store, record));
  await store.close();
  const again = await openTestStore(volumes, index);
  for (const record of kept) assert.ok(await reads(again.store, record));
  await again.store.close();
  await volumes.close();
}

test('a damaged pack that could not be removed after its repair is removed later, and does not come back with a start', async () => {
  const volumes = new ForgetfulVolumes();
  const index = new MemoryIndexHome();
  const { store, notices } = await openTestStore(volumes, index, { limits: { packBytes: 1 } });
  const records = [...(await store3(store)), ...(await store3(store))];
  volumes.before = (operation) => {
    if (operation === 'remove') throw volumeIoError(operation);
  };
  await store.repairPack(0);
  await store3(store);
  const gone = '000000/0000000000.pack';
  assert.ok(volumes.names().includes(gone));
  assert.deepEqual(
    notices.map(({ code }) => code),
    ['file_not_removed'],
  );
  volumes.before = () => undefined;
  await store.close();
  assert.ok(!volumes.names().includes(gone));
  const again = await openTestStore(volumes, index);
  for (const record of records) assert.ok(await reads(again.store, record));
  await again.store.close();
});

test('a repair that is cut anywhere loses nothing', async () => {
  const make = async () => {
    const volumes = new ForgetfulVolumes();
    const index = new MemoryIndexHome();
    const { store } = await openTestStore(volumes, index);
    const records = [...(await store3(store)), ...(await store3(store))];
    await store.close();
    const file = volumes.get('000000/0000000000.pack');
    const marker = file.indexOf(records[2] ?? '') + (records[2]?.length ?? 0) + 10;
    file[marker] = (file[marker] ?? 0) ^ 1;
    return { volumes, records, index };
  };
  const run = async (cutAt: number): Promise<number> => {
    const { volumes, records, index } = await make();
    const { store } = await openTestStore(volumes, index);
    let count = 0;
    volumes.before = (operation) => {
      if (operation === 'read') return;
      count += 1;
      if (count >= cutAt) throw volumeIoError(operation);
    };
    const [repaired] = await Promise.allSettled([store.repairPack(0)]);
    const cut = volumes.afterPowerCut(random);
    await store.close();
    if (repaired.status === 'rejected') assert.ok(isAppError(repaired.reason), String(repaired.reason));
    for (const place of [index, new MemoryIndexHome()]) {
      const again = await openTestStore(cut.copy(), place);
      for (const record of records) assert.ok(await reads(again.store, record), `cut at ${cutAt}`);
      await again.store.close();
    }
    return count;
  };
  const operations = await run(Number.POSITIVE_INFINITY);
  for (let cutAt = 1; cutAt <= operations; cutAt++) await run(cutAt);
});

test('an index that cannot be written costs nothing: it is told, held in memory, and written when space returns', async (t) => {
  const folder = temporaryFolder(t);
  const index = join(folder, 'index');
  mkdirSync(index);
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=300k', 'tmpfs', index]).status !== 0) {
    return t.skip('needs root and mount to make a small tmpfs');
  }
  try {
    const volumes = new ForgetfulVolumes();
    const { store, notices } = await openTestStore(volumes, index, { limits: { recentIdsMax: 200 } });
    const ids = [];
    for (let i = 0; i < 20; i++) {
      const record = testRecord(random, { ids: 400 });
      await Promise.all([store.append(record), store.flush()]);
      ids.push(...parseRecord(record).ids);
    }
    while (!notices.some(({ code }) => code === 'index_write_failed')) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    assert.ok((await store.has(testDomain, ids)).every(Boolean));
    spawnSync('mount', ['-o', 'remount,size=20m', index]);
    await store.close();
    // Everything is in the index now, and no pack has to be read.
    volumes.before = (operation) => assert.notEqual(operation, 'read');
    const again = await openTestStore(volumes, index);
    assert.ok((await again.store.has(testDomain, ids)).every(Boolean));
    assert.deepEqual(again.notices, []);
    await again.store.close();
  } finally {
    spawnSync('umount', ['-l', index]);
  }
});
