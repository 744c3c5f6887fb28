import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContentHash, RecordId } from '#model';
import { compressBody, sealLeaf } from '#records';
import { concatBytes, equalBytes, isAppError, systemClock, systemRandom, systemTimers } from '#runtime';
import { encodeFrame, parseRecord, recordLimits, sha256 } from '#wire';
import type { RecordPlace } from './ports.ts';
import { MemoryStore } from './testing/memory-store.ts';
import { domainId, keys } from './testing/sample-snapshot.ts';
import { WireDecoder } from './wire-decoder.ts';
import { WireEncoder } from './wire-encoder.ts';

const context = { keys, domainId, random: systemRandom };

/** A leaf of `count` chunks of four bytes, told by a number. */
async function putLeaf(store: MemoryStore, from: number, count: number): Promise<readonly RecordId[]> {
  const chunks = Array.from({ length: count }, (_, i) => new Uint8Array(Uint32Array.of(from + i).buffer));
  const hashes = chunks.map((chunk) => sha256(chunk) as ContentHash);
  const record = sealLeaf(context, hashes, await compressBody(encodeFrame(chunks)));
  store.put(record.bytes);
  return record.ids;
}

function encoderOf(store: MemoryStore): WireEncoder {
  return new WireEncoder({
    store,
    keys,
    random: systemRandom,
    timers: systemTimers,
    domainId,
    snapshotId: new Uint8Array(20) as RecordId,
    base: undefined,
    packing: { clock: systemClock, lineRateBytesPerSecond: () => 100_000 },
    signal: new AbortController().signal,
  });
}

async function wantedOf(store: MemoryStore, ids: readonly RecordId[]) {
  const [place] = await store.locateMany(domainId, ids.slice(0, 1));
  return { place: place as RecordPlace, ids, declined: 0 };
}

test('records of many small contents go in as many messages as a receiver takes, and each is told once', async () => {
  const store = new MemoryStore();
  using encoder = encoderOf(store);
  const decoder = new WireDecoder(domainId, { store: new MemoryStore(), keys, random: systemRandom });
  const all: (readonly RecordId[])[] = [];
  for (const count of [recordLimits.ids, recordLimits.ids, 1])
    all.push(await putLeaf(store, all.length * recordLimits.ids, count));
  const wanted = await Promise.all(all.map((ids) => wantedOf(store, ids)));
  const encoded = await Promise.all(wanted.map((one, i) => encoder.encode(i, one)));
  const messages = encoded.flatMap(({ message }) => message ?? []);
  assert.ok(messages.length === 2 && messages.every((message) => message[8] === 2), `${messages.length} messages`);
  const arrived: number[] = [];
  for (const message of messages) {
    const decoded = await decoder.decode(message);
    assert.ok('records' in decoded);
    for (const { sequence, record } of decoded.records) {
      arrived.push(sequence);
      assert.ok(equalBytes(concatBytes(parseRecord(record.bytes).ids), concatBytes(all[sequence] ?? [])));
    }
  }
  assert.deepEqual(arrived, [0, 1, 2]);
});

test('what a receiver lacks the dictionary of goes whole, once, and only while it is under way', async () => {
  const store = new MemoryStore();
  using encoder = encoderOf(store);
  const all = [await putLeaf(store, 0, 50), await putLeaf(store, 50, 50)];
  const wanted = await Promise.all(all.map((ids) => wantedOf(store, ids)));
  const encoded = await Promise.all(wanted.map((one, i) => encoder.encode(i, one)));
  assert.deepEqual(
    encoded.map(({ message }) => message !== undefined),
    [true, false],
  );
  const again = await encoder.wholeAgain(0);
  assert.deepEqual(
    again.map((message) => [message[0], message[8]]),
    [
      [0, 0xa7],
      [1, 0xa7],
    ],
  );
  for (const number of [0, 1])
    await assert.rejects(encoder.wholeAgain(number), (error) => isAppError(error, 'protocol_violation'));
});
