import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { type ContentHash, EntryKind, type RecordId, type SnapshotId } from '#model';
import { compressBody, sealLeaf, sealNode } from '#records';
import { systemClock, systemRandom, systemTimers } from '#runtime';
import { encodeFrame, encodeNode, recordDamaged, sha256 } from '#wire';
import { missingFrom, replicateSnapshot } from './index.ts';
import { MemoryStore } from './testing/memory-store.ts';
import { jobOf, receivingSite } from './testing/receiving-site.ts';
import { domainId, keys } from './testing/sample-snapshot.ts';

const context = { keys, domainId, random: systemRandom };
/** A slow line, so that bytes are worth more than time. */
const packing = { clock: systemClock, lineRateBytesPerSecond: () => 500_000 };
const ports = (store: MemoryStore) => ({ store, keys, random: systemRandom, timers: systemTimers, packing });

/** Bytes without any pattern, told by a seed. */
const noise = (seed: string, length: number) => createHash('shake128', { outputLength: length }).update(seed).digest();

async function putNode(store: MemoryStore, node: Parameters<typeof encodeNode>[0]) {
  const payload = encodeNode(node);
  const hash = sha256(payload) as ContentHash;
  const sealed = sealNode(context, hash, payload, await compressBody(payload));
  store.put(sealed.bytes);
  return { hash, id: sealed.ids[0] as RecordId };
}

/** A snapshot of a folder of files, each a single chunk in a record of its own. */
async function putFiles(store: MemoryStore, files: Readonly<Record<string, Uint8Array>>): Promise<SnapshotId> {
  const entries = [];
  for (const name of Object.keys(files).sort()) {
    const content = files[name] as Uint8Array;
    const chunkHash = sha256(content) as ContentHash;
    store.put(sealLeaf(context, [chunkHash], await compressBody(encodeFrame([content]))).bytes);
    entries.push({ name: Buffer.from(name), kind: EntryKind.file, extents: [{ chunkHash, length: content.length }] });
  }
  const { hash } = await putNode(store, { type: 'directory', directory: { entries: entries as never } });
  const manifest = { format: 1, root: { kind: EntryKind.directory, directoryHash: hash } };
  return (await putNode(store, { type: 'manifest', manifest: manifest as never })).id as SnapshotId;
}

function changed(content: Uint8Array, at: number): Uint8Array {
  return Buffer.concat([content.subarray(0, at), noise(`change at ${at}`, 300), content.subarray(at + 100)]);
}

test('a changed file is sent as what differs from its version at the peer, and arrives whole', async () => {
  const [north, south] = [new MemoryStore(), new MemoryStore()];
  const { peer } = receivingSite(south);
  const before = { a: noise('a', 200_000), b: noise('b', 50_000), gone: noise('gone', 90_000) };
  const first = await putFiles(north, before);
  await replicateSnapshot(jobOf(first), peer, ports(north));
  // One is changed, one has another name and changed, too.
  const after = { a: changed(before.a, 70_000), b: before.b, moved: changed(before.gone, 1000) };
  const second = await putFiles(north, after);
  const { sentBytes, savings } = await replicateSnapshot(jobOf(second, [first]), peer, ports(north));
  assert.deepEqual(await missingFrom(south, domainId, second, undefined), []);
  assert.ok(savings.newBytes > 290_000 && sentBytes < 3000, `${sentBytes} of ${savings.newBytes} bytes`);
});

test('small contents that are alike go together', async () => {
  const [north, south] = [new MemoryStore(), new MemoryStore()];
  const { peer, wire } = receivingSite(south);
  const common = noise('common', 3000);
  const files = Array.from({ length: 40 }, (_, i) => [`f${i}`, Buffer.concat([noise(`${i}`, 50), common])]);
  const id = await putFiles(north, Object.fromEntries(files));
  const { sentRecords, sentBytes } = await replicateSnapshot(jobOf(id), peer, ports(north));
  assert.deepEqual(await missingFrom(south, domainId, id, undefined), []);
  assert.equal(sentRecords, 42);
  assert.ok(wire.recordMessages.length < 25 && sentBytes < 40_000, `${sentBytes} in ${wire.recordMessages.length}`);
});

test('a receiver that has lost what a delta was made with gets the records whole', async () => {
  const [north, south] = [new MemoryStore(), new MemoryStore()];
  const { peer } = receivingSite(south);
  const before = { a: noise('a', 200_000) };
  const first = await putFiles(north, before);
  await replicateSnapshot(jobOf(first), peer, ports(north));
  const second = await putFiles(north, { a: changed(before.a, 70_000) });
  const { readAt } = south;
  let refused = 0;
  south.readAt = async (place) => {
    const record = await readAt.call(south, place);
    if (record.kind === 1 && refused++ === 0) throw recordDamaged('a bit flipped');
    return record;
  };
  const { sentBytes } = await replicateSnapshot(jobOf(second, [first]), peer, ports(north));
  assert.deepEqual(await missingFrom(south, domainId, second, undefined), []);
  assert.ok(refused > 0 && sentBytes > 200_000, `${sentBytes} bytes`);
});

test('nothing is packed for a blind peer, nor when the line is faster than the processor', async () => {
  for (const [withKeys, rate] of [
    [false, 500_000],
    [true, 1e9],
  ] as const) {
    const [north, south] = [new MemoryStore(), new MemoryStore()];
    const { peer, wire } = receivingSite(south, withKeys);
    const id = await putFiles(north, { a: Buffer.alloc(50_000, 'text'), b: Buffer.alloc(60_000, 'other') });
    const options = { ...ports(north), packing: { ...packing, lineRateBytesPerSecond: () => rate } };
    await replicateSnapshot(jobOf(id), peer, options);
    assert.deepEqual(await missingFrom(south, domainId, id, undefined), []);
    assert.ok(wire.recordMessages.every((message) => message[8] === 0xa7));
  }
});

test('what the peer holds already costs one question and one answer, whatever the history', async () => {
  const [north, south] = [new MemoryStore(), new MemoryStore()];
  const { peer, wire } = receivingSite(south);
  const id = await putFiles(north, { a: noise('a', 1000) });
  await replicateSnapshot(jobOf(id), peer, ports(north));
  const before = wire.controlMessages;
  const { alreadyHeld, sentBytes } = await replicateSnapshot(jobOf(id, Array(24).fill(id)), peer, ports(north));
  assert.deepEqual([alreadyHeld, sentBytes, wire.controlMessages - before], [true, 0, 1]);
});
