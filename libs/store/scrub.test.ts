import assert from 'node:assert/strict';
import { test } from 'node:test';
import { equalBytes, toHex } from '#runtime';
import { volumeIoError } from '#targets';
import { parseRecord } from '#wire';
import { PackClass } from './pack-header.ts';
import type { Pack } from './pack-table.ts';
import type { ScrubFinding, ScrubOptions } from './scrub.ts';
import { type PackDamage, scrubPack } from './scrub-pack.ts';
import type { Store } from './store.ts';
import { ForgetfulVolumes } from './testing/forgetful-volumes.ts';
import { MemoryIndexHome } from './testing/memory-index.ts';
import { openTestStore } from './testing/open-store.ts';
import { seededRandom, testDomain, testRecord } from './testing/records.ts';

const file = '000000/0000000000.pack';
const random = seededRandom(4);

interface Closed {
  readonly volumes: ForgetfulVolumes;
  readonly index: MemoryIndexHome;
  readonly records: readonly Uint8Array[];
}

/** Volumes with one closed pack of two groups, five records. */
async function closedPack(): Promise<Closed> {
  const volumes = new ForgetfulVolumes();
  const index = new MemoryIndexHome();
  const { store } = await openTestStore(volumes, index);
  const records = Array.from({ length: 5 }, (_, i) => testRecord(random, { ids: 1 + (i % 2), sealedBytes: 40 + i }));
  await Promise.all([...records.slice(0, 3).map((record) => store.append(record)), store.flush()]);
  await Promise.all([...records.slice(3).map((record) => store.append(record)), store.flush()]);
  await store.close();
  return { volumes, index, records };
}

/** Scrubs the pack with this content; gives the damage and which records check. */
async function scrubContent(content: Uint8Array): Promise<{ damage: PackDamage[]; good: string[] }> {
  const volumes = new ForgetfulVolumes();
  volumes.set(file, content);
  const pack: Pack = { number: 0, class: PackClass.leaves, state: 'closed', bytes: content.length, records: 5 };
  const [damage, good]: [PackDamage[], string[]] = [[], []];
  const onRecord = async (item: { record: { bytes: Uint8Array } }) => void good.push(toHex(item.record.bytes));
  for await (const piece of scrubPack({ volumes, acceptsRealm: () => true }, pack, onRecord)) damage.push(piece);
  return { damage, good };
}

async function findings(store: Store, options?: ScrubOptions): Promise<ScrubFinding[]> {
  const found = [];
  for await (const finding of store.scrub(options)) found.push(finding);
  return found;
}

function flip(content: Buffer, at: number, bit = 0): Buffer {
  const flipped = Buffer.from(content);
  flipped[at] = (flipped[at] ?? 0) ^ (1 << bit);
  return flipped;
}

test('a flipped bit anywhere in a closed pack is found where it lies, and every other record checks', async () => {
  const { volumes, records } = await closedPack();
  const whole = volumes.get(file);
  assert.deepEqual(await scrubContent(whole), { damage: [], good: records.map(toHex) });
  for (let at = 0; at < whole.length; at++) {
    const { damage, good } = await scrubContent(flip(whole, at, at % 8));
    assert.equal(damage.length, 1, `flip at ${at}: ${JSON.stringify(damage)}`);
    const [{ what, offset, length, ids } = { what: '', offset: 0, length: 0, ids: [] }] = damage;
    assert.ok(offset <= at && at < offset + length, `flip at ${at} was found at ${offset}+${length}`);
    const hit = records.find((record) => offset === whole.indexOf(record));
    assert.equal(what === 'record', hit !== undefined, `flip at ${at} is a ${what}`);
    assert.deepEqual(ids.map(toHex), hit === undefined ? [] : parseRecord(hit).ids.map(toHex));
    assert.deepEqual(good, records.filter((record) => record !== hit).map(toHex), `flip at ${at}`);
  }
});

test('each kind of damage is told as what it is', async () => {
  const { volumes, records } = await closedPack();
  const whole = volumes.get(file);
  const ends = records.map((record) => whole.indexOf(record) + record.length);
  const places = { header: 20, record: 100, marker: (ends[2] ?? 0) + 5, footer: (ends[4] ?? 0) + 128 + 10 };
  for (const [what, at] of Object.entries(places)) {
    assert.deepEqual(
      (await scrubContent(flip(whole, at))).damage.map((piece) => piece.what),
      [what],
    );
  }
  assert.deepEqual(
    (await scrubContent(flip(whole, whole.length - 1))).damage.map((piece) => piece.what),
    ['footer'],
  );
});

test('two neighbours that are damaged cost those two, also when the footer is gone', async () => {
  const { volumes, records } = await closedPack();
  let content = volumes.get(file);
  for (const record of records.slice(1, 3)) content = flip(content, content.indexOf(record) + record.length - 20);
  const { damage, good } = await scrubContent(content);
  assert.deepEqual(
    damage.map(({ what, ids }) => [what, ids.length]),
    [
      ['record', 2],
      ['record', 1],
    ],
  );
  assert.deepEqual(
    good,
    [0, 3, 4].map((i) => toHex(records[i] ?? new Uint8Array(0))),
  );
  const without = await scrubContent(content.subarray(0, -70));
  assert.deepEqual(
    without.damage.map(({ what, ids }) => [what, ids.length]),
    [
      ['record', 2],
      ['record', 1],
      ['footer', 0],
    ],
  );
  assert.deepEqual(without.good, good);
});

test('a pack that lost its end, or all of it, is told and does no harm', async () => {
  const { volumes } = await closedPack();
  const whole = volumes.get(file);
  for (const length of [0, 1, 63, 64, 200, whole.length - 64, whole.length - 1]) {
    const { damage } = await scrubContent(whole.subarray(0, length));
    assert.ok(damage.length > 0, `${length} bytes`);
  }
  assert.ok((await scrubContent(Buffer.alloc(whole.length))).damage.length > 0);
});

test('a pack that was cut says which ids were behind its end, and is not replaced before they are back', async () => {
  const { volumes, index, records } = await closedPack();
  const whole = Buffer.from(volumes.get(file));
  for (const length of [64, 64 + (records[0]?.length ?? 0) + 20]) {
    volumes.set(file, whole.subarray(0, length));
    const { store } = await openTestStore(volumes, index);
    const kept = length > 64 ? records.slice(1) : records;
    const gone = kept.flatMap((record) => parseRecord(record).ids).map(toHex);
    const missing = (await findings(store)).flatMap((finding) => finding.missing).map(toHex);
    assert.deepEqual([...new Set(missing)].sort(), gone.sort(), `cut to ${length}`);
    await assert.rejects(store.repairPack(0), { code: 'pack_holds_lost_records' });
    await store.close();
  }
  const { store } = await openTestStore(volumes, index);
  await Promise.all([...records.slice(1).map((record) => store.append(record)), store.flush()]);
  await store.repairPack(0);
  assert.deepEqual(await findings(store), []);
  for (const record of records) {
    const { domainId, ids } = parseRecord(record);
    for (const id of ids) assert.ok(equalBytes((await store.read(domainId, id))?.bytes ?? new Uint8Array(0), record));
  }
  await store.close();
});

test('a pack of nothing but zeros says which ids it had, and is not replaced before they are back', async () => {
  const { volumes, index, records } = await closedPack();
  volumes.set(file, Buffer.alloc(volumes.get(file).length));
  const { store } = await openTestStore(volumes, index);
  const missing = (await findings(store)).flatMap((finding) => finding.missing).map(toHex);
  const gone = records.flatMap((record) => parseRecord(record).ids).map(toHex);
  assert.deepEqual([...new Set(missing)].sort(), gone.sort());
  await assert.rejects(store.repairPack(0), { code: 'pack_holds_lost_records' });
  await Promise.all([...records.map((record) => store.append(record)), store.flush()]);
  await store.repairPack(0);
  assert.deepEqual(await findings(store), []);
  await store.close();
});

test('a sector that the device cannot read costs the records on it and no others', async () => {
  const { volumes, index, records } = await closedPack();
  const bad = volumes.get(file).indexOf(records[3] ?? '') + 10;
  const read = volumes.readAt.bind(volumes);
  volumes.readAt = async (name, offset, length) => {
    if (name === file && offset <= bad && bad < offset + length) throw volumeIoError(`read ${name}`);
    return read(name, offset, length);
  };
  const { store } = await openTestStore(volumes, index);
  const found = await findings(store);
  // The whole small pack lies on one page here, and the device fails page by page.
  assert.deepEqual(
    found.map(({ what }) => what),
    ['record', 'record', 'record', 'marker', 'record', 'record', 'marker'],
  );
  await store.close();
});

test('scrub tells which ids have no other place, heal appends them, and repair makes the store clean', async () => {
  const { volumes, index, records } = await closedPack();
  const { store } = await openTestStore(volumes, index);
  const [first, second] = [records[0] ?? new Uint8Array(0), records[1] ?? new Uint8Array(0)];
  await Promise.all([store.append(first), store.flush()]);
  const content = volumes.get(file);
  for (const record of [first, second]) {
    const at = content.indexOf(record) + record.length - 20;
    content[at] = (content[at] ?? 0) ^ 1;
  }
  const found = await findings(store);
  assert.deepEqual(
    found.map(({ what, pack }) => [what, pack]),
    [
      ['record', 0],
      ['record', 0],
    ],
  );
  assert.deepEqual(found[0]?.missing, []);
  assert.deepEqual(found[1]?.missing.map(toHex), parseRecord(second).ids.map(toHex));
  await assert.rejects(store.repairPack(0), { code: 'pack_holds_lost_records' });
  await Promise.all([store.append(second), store.flush()]);
  const report = await store.repairPack(0);
  assert.equal(report.copiedRecords, 3);
  assert.ok(!volumes.names().includes(file));
  assert.deepEqual(await findings(store), []);
  const everyIdReads = async (open: Store) => {
    for (const record of records) {
      for (const id of parseRecord(record).ids) {
        assert.ok(equalBytes((await open.read(testDomain, id))?.bytes ?? new Uint8Array(0), record));
      }
    }
  };
  await everyIdReads(store);
  await store.reindex();
  await everyIdReads(store);
  await store.close();
  const again = await openTestStore(volumes, index);
  assert.deepEqual([again.notices, await findings(again.store)], [[], []]);
  await everyIdReads(again.store);
  await again.store.close();
});

test('reading a damaged record names its pack and offset; a loss that is accepted leaves a clean store', async () => {
  const { volumes, index, records } = await closedPack();
  const { store } = await openTestStore(volumes, index);
  const record = records[4] ?? new Uint8Array(0);
  const [id] = parseRecord(record).ids;
  assert.ok(id);
  const content = volumes.get(file);
  const offset = content.indexOf(record);
  content[offset + 90] = (content[offset + 90] ?? 0) ^ 8;
  await assert.rejects(store.read(testDomain, id), { code: 'record_damaged', details: { pack: 0, offset } });
  await store.repairPack(0, { acceptLoss: true });
  assert.equal(await store.read(testDomain, id), undefined);
  assert.deepEqual(await store.has(testDomain, [id]), [false]);
  assert.equal(store.statistics().records, 4);
  assert.deepEqual(await findings(store), []);
  await store.close();
});

test('damage to header, marker or footer loses no record, and repair rewrites the pack', async () => {
  for (const place of ['header', 'marker', 'footer']) {
    const { volumes, index, records } = await closedPack();
    const { store } = await openTestStore(volumes, index);
    const content = volumes.get(file);
    const last = records[4] ?? new Uint8Array(0);
    const end = content.indexOf(last) + last.length;
    const at = { header: 9, marker: end + 3, footer: end + 128 + 3 }[place] ?? 0;
    content[at] = (content[at] ?? 0) ^ 2;
    const found = await findings(store);
    assert.deepEqual(
      found.map(({ what, pack }) => [what, pack]),
      [[place, 0]],
    );
    // Healing while scrub is still on the pack: it goes on with the next.
    for await (const finding of store.scrub()) await store.repairPack(finding.pack);
    assert.deepEqual(await findings(store), []);
    assert.equal(store.statistics().records, 5);
    const structure = [];
    for await (const finding of store.checkStructure()) structure.push(finding);
    assert.deepEqual(structure, []);
    await store.close();
  }
});

test('scrub reports progress to its end and stops when it is told to', async () => {
  const { volumes, index } = await closedPack();
  const { store } = await openTestStore(volumes, index);
  await Promise.all([store.append(testRecord(random)), store.flush()]);
  const progress: number[] = [];
  await findings(store, { onProgress: ({ bytesDone, bytesTotal }) => progress.push(bytesDone / bytesTotal) });
  assert.equal(progress.length, 2);
  assert.equal(progress.at(-1), 1);
  await assert.rejects(findings(store, { signal: AbortSignal.abort(new Error('enough')) }), /enough/);
  const slow = AbortSignal.timeout(20);
  await assert.rejects(findings(store, { rateBytesPerSecond: 1, signal: slow }), { name: 'TimeoutError' });
  await store.close();
});

test('check tells what does not fit together', async () => {
  const { volumes, index, records } = await closedPack();
  const content = volumes.get(file);
  const third = records[2] ?? new Uint8Array(0);
  const marker = content.indexOf(third) + third.length;
  content[marker + 30] = (content[marker + 30] ?? 0) ^ 1;
  content[30] = (content[30] ?? 0) ^ 1;
  volumes.set('000000/notes.txt', Buffer.from('mine'));
  const { store } = await openTestStore(volumes, index);
  const check = async () => {
    const found = [];
    for await (const { what, name, offset } of store.checkStructure()) found.push([what, name, offset]);
    return found;
  };
  assert.deepEqual(await check(), [
    ['header', file, 0],
    ['marker', file, marker],
    ['orphan', '000000/notes.txt', undefined],
  ]);
  await volumes.remove('000000/notes.txt');
  await volumes.remove(file);
  assert.deepEqual(await check(), [['missing', file, undefined]]);
  await store.close();
});
