import assert from 'node:assert/strict';
import { test } from 'node:test';
import { equalBytes, toHex } from '#runtime';
import { volumeFull } from '#targets';
import { parseRecord } from '#wire';
import { checkStructure } from './check-structure.ts';
import { markerBytes } from './commit-marker.ts';
import { openPacks } from './open-packs.ts';
import { packHeaderBytes } from './pack-header.ts';
import { PackTable } from './pack-table.ts';
import { placeKey } from './place.ts';
import { Places } from './places.ts';
import { scrubPack } from './scrub-pack.ts';
import type { Store } from './store.ts';
import type { StoreNotice } from './store-errors.ts';
import { ForgetfulVolumes } from './testing/forgetful-volumes.ts';
import { MemoryIndex, MemoryIndexHome } from './testing/memory-index.ts';
import { openTestStore } from './testing/open-store.ts';
import { seededRandom, testDomain, testId, testRecord } from './testing/records.ts';

const openFile = '000000/0000000000.open';
const packFile = '000000/0000000000.pack';
const random = seededRandom(3);

interface Grown {
  /** As a kill now would leave them. */
  readonly volumes: ForgetfulVolumes;
  readonly groups: readonly (readonly Uint8Array[])[];
  /** End of each group, with its marker. */
  readonly ends: readonly number[];
}

/** One open pack with these groups of records, each acknowledged. */
async function growPack(groupSizes: readonly number[]): Promise<Grown> {
  const volumes = new ForgetfulVolumes();
  const { store } = await openTestStore(volumes, new MemoryIndexHome());
  const groups: Uint8Array[][] = [];
  const ends: number[] = [];
  for (const size of groupSizes) {
    const group = Array.from({ length: size }, (_, i) => testRecord(random, { ids: 1 + i, sealedBytes: 30 + 10 * i }));
    await Promise.all([...group.map((record) => store.append(record)), store.flush()]);
    groups.push(group);
    ends.push(volumes.get(openFile).length);
  }
  const killed = volumes.copy();
  await store.close();
  return { volumes: killed, groups, ends };
}

/** Recovers a copy with this content of the pack from nothing; gives which records read back, and what scrub says then. */
async function recover(grown: Grown, content: Uint8Array) {
  const volumes = grown.volumes.copy();
  volumes.set(openFile, content);
  const notices: StoreNotice[] = [];
  const onNotice = (notice: StoreNotice) => notices.push(notice);
  const table = new PackTable();
  const places = new Places(new MemoryIndex(), table, 1000, onNotice);
  const context = { volumes, table, places, acceptsRealm: () => true, accountsFor: () => false, onNotice };
  await openPacks(context);
  const reads = async (bytes: Uint8Array) => {
    const { domainId, ids } = parseRecord(bytes);
    const found = await places.lookup(ids.map((id) => placeKey(domainId, id)));
    for (const place of found) {
      if (place === undefined) return false;
      assert.equal(place.pack, 0);
      assert.ok(equalBytes(await volumes.readAt(packFile, place.offset, place.length), bytes));
    }
    return true;
  };
  const readable: boolean[][] = [];
  for (const group of grown.groups) readable.push(await Promise.all(group.map(reads)));
  const findings: unknown[] = [];
  for (const pack of table.inOrder()) for await (const damage of scrubPack(context, pack)) findings.push(damage);
  for await (const finding of checkStructure(context)) findings.push(finding);
  return { volumes, notices, readable, findings };
}

test('a pack cut at any byte of its last group keeps every group before it, and is whole after one start', async () => {
  const grown = await growPack([2, 1, 3]);
  const whole = grown.volumes.get(openFile);
  const [, secondEnd = 0, end = 0] = grown.ends;
  assert.equal(whole.length, end);
  const lastGroup = grown.groups[2] ?? [];
  for (let length = secondEnd; length <= end; length++) {
    const { readable, notices, findings, volumes } = await recover(grown, whole.subarray(0, length));
    assert.deepEqual(readable.slice(0, 2), [[true, true], [true]], `cut at ${length}`);
    let at = secondEnd;
    const complete = lastGroup.map((record) => {
      at += record.length;
      return at <= length;
    });
    assert.deepEqual(readable[2], complete, `a record that is whole is kept, cut at ${length}`);
    assert.deepEqual([notices, findings], [[], []], `cut at ${length}`);
    assert.ok(volumes.names().includes(packFile));
  }
});

test('a pack cut before its first group is of no use and goes when its number cannot come again', async () => {
  const grown = await growPack([1]);
  const whole = grown.volumes.get(openFile);
  for (const length of [0, 10, packHeaderBytes, packHeaderBytes + 100]) {
    const volumes = grown.volumes.copy();
    volumes.set(openFile, whole.subarray(0, length));
    const { store, notices } = await openTestStore(volumes, new MemoryIndexHome());
    assert.deepEqual(volumes.names(), [openFile, 'store.json']);
    await Promise.all([store.append(testRecord(random)), store.flush()]);
    await store.close();
    assert.deepEqual(volumes.names(), ['000000/0000000001.pack', 'store.json']);
    assert.deepEqual(notices, []);
  }
});

test('a flipped bit anywhere in an open pack costs at most the record it lies in', async () => {
  const grown = await growPack([2, 2]);
  const whole = grown.volumes.get(openFile);
  const records = grown.groups.flat();
  for (let at = 0; at < whole.length; at++) {
    const flipped = Buffer.from(whole);
    flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8));
    const { readable, notices, findings } = await recover(grown, flipped);
    const lost = readable.flat().flatMap((readsBack, i) => (readsBack ? [] : [records[i]]));
    const hit = records.find((record) => whole.indexOf(record) <= at && at < whole.indexOf(record) + record.length);
    assert.deepEqual(lost, hit === undefined ? [] : [hit], `flip at ${at}`);
    // The marker at the very end is the one thing that a start mends by itself.
    const mended = at >= whole.length - markerBytes;
    assert.equal(notices.length, mended ? 0 : 1, `flip at ${at}: ${JSON.stringify(notices)}`);
    assert.equal(findings.length > 0, !mended, `flip at ${at}`);
    // A flip in the lengths of a header leaves nothing that tells what lay there.
    if (hit !== undefined) assert.match(String(notices[0]?.details.what), /^(record|unreadable)$/);
  }
});

test('damage in a group before the last is reported with pack, offset and ids, and not as perhaps torn', async () => {
  const grown = await growPack([2, 1]);
  const content = Buffer.from(grown.volumes.get(openFile));
  const hit = grown.groups[0]?.[1] ?? new Uint8Array(0);
  const offset = content.indexOf(hit);
  content[offset + hit.length - 20] = (content[offset + hit.length - 20] ?? 0) ^ 4;
  const { notices } = await recover(grown, content);
  assert.deepEqual(notices[0]?.details, {
    pack: 0,
    what: 'record',
    offset,
    length: hit.length,
    ids: parseRecord(hit).ids.map(toHex),
    maybeTorn: false,
  });
});

test('a torn last group, marker on disk and records not, is told as perhaps never acknowledged', async () => {
  const grown = await growPack([1, 2]);
  const content = Buffer.from(grown.volumes.get(openFile));
  const [torn] = grown.groups[1] ?? [];
  assert.ok(torn);
  content.fill(0, content.indexOf(torn), content.indexOf(torn) + torn.length);
  const { notices, readable } = await recover(grown, content);
  assert.deepEqual(readable, [[true], [false, true]]);
  assert.deepEqual(
    notices.map(({ details }) => details.maybeTorn),
    [true],
  );
});

async function reads(store: Store, bytes: Uint8Array): Promise<boolean> {
  const [id] = parseRecord(bytes).ids;
  assert.ok(id);
  const record = await store.read(testDomain, id);
  return record !== undefined && equalBytes(record.bytes, bytes);
}

test('an open pack that cannot be closed is read where it lies, and closed by a later start', async () => {
  const grown = await growPack([2]);
  const index = new MemoryIndexHome();
  const volumes = grown.volumes.copy();
  volumes.before = (operation) => {
    if (operation === 'append') throw volumeFull('write');
  };
  const { store, notices } = await openTestStore(volumes, index);
  assert.deepEqual(
    notices.map(({ code }) => code),
    ['pack_left_open'],
  );
  for (const record of grown.groups.flat()) assert.ok(await reads(store, record));
  volumes.before = () => undefined;
  await Promise.all([store.append(testRecord(random)), store.flush()]);
  await store.close();
  const again = await openTestStore(volumes, index);
  assert.deepEqual(again.notices, []);
  for (const record of grown.groups.flat()) assert.ok(await reads(again.store, record));
  assert.ok(volumes.names().includes(packFile));
  assert.equal(await again.store.read(testDomain, testId(random)), undefined);
  await again.store.close();
});

test('what a kill leaves of writing a small file is no finding', async () => {
  const volumes = new ForgetfulVolumes();
  for (const name of ['store.json.new', 'keyring.sealed.new']) volumes.set(name, new Uint8Array(5));
  const { store } = await openTestStore(volumes, new MemoryIndexHome());
  assert.deepEqual(await Array.fromAsync(store.checkStructure()), []);
  await store.close();
});

test('an empty pack file that a kill left behind is no finding, before and after its removal', async () => {
  const volumes = new ForgetfulVolumes();
  volumes.set(openFile, new Uint8Array(0));
  const { store } = await openTestStore(volumes, new MemoryIndexHome());
  const findings = async () => await Array.fromAsync(store.checkStructure());
  assert.deepEqual(await findings(), []);
  assert.ok(volumes.names().includes(openFile), 'its number is not free before a higher one is in use');
  await Promise.all([store.append(testRecord(random)), store.flush()]);
  assert.deepEqual(await findings(), []);
  assert.ok(!volumes.names().includes(openFile));
  await store.close();
});
