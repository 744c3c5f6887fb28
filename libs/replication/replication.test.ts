import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RecordId, SnapshotId } from '#model';
import { concatBytes, isAppError, systemRandom, systemTimers, toHex } from '#runtime';
import { parseRecord, RecordKind, type RecordView, recordDamaged } from '#wire';
import { type MessageChannel, missingFrom, replicateSnapshot } from './index.ts';
import { type ReplicateReply, receiverChannel, senderChannel } from './messages.ts';
import { lineCut, memoryChannelPair } from './testing/memory-channel.ts';
import { MemoryStore } from './testing/memory-store.ts';
import { jobOf, receivingSite } from './testing/receiving-site.ts';
import { datasetId, domainId, keys, putSnapshot } from './testing/sample-snapshot.ts';

const files = (count: number, prefix: string) => Array.from({ length: count }, (_, i) => `${prefix}${i}`);
const ports = (store: MemoryStore) => ({ store, keys, random: systemRandom, timers: systemTimers });

test('a replicated snapshot is complete at the peer and logged there', async () => {
  const [north, southStore] = [new MemoryStore(), new MemoryStore()];
  const id = await putSnapshot(north, { a: files(30, 'a'), b: files(9, 'b') });
  const { peer, copies } = receivingSite(southStore);
  const outcome = await replicateSnapshot(jobOf(id), peer, ports(north));
  assert.equal(outcome.alreadyHeld, false);
  assert.deepEqual(await missingFrom(southStore, domainId, id, undefined), []);
  assert.ok(copies.has(toHex(id)));
  assert.equal((await replicateSnapshot(jobOf(id), peer, ports(north))).alreadyHeld, true);
});

test('a second snapshot sends only what is new, and asks nothing about what the base holds', async () => {
  const [north, southStore] = [new MemoryStore(), new MemoryStore()];
  const { peer, wire } = receivingSite(southStore);
  const first = await putSnapshot(north, { a: files(40, 'a'), b: files(40, 'b') });
  await replicateSnapshot(jobOf(first), peer, ports(north));
  const before = wire.recordMessages.length;
  const second = await putSnapshot(north, { a: files(40, 'a'), b: [...files(40, 'b'), 'new'] });
  await replicateSnapshot(jobOf(second, [first]), peer, ports(north));
  // The new file's frame, its folder, the root, the manifest.
  assert.equal(wire.recordMessages.length - before, 4);
  assert.deepEqual(await missingFrom(southStore, domainId, second, first), []);
});

test('a resumed snapshot never resends an acknowledged record', async () => {
  for (const cutAfterRecords of [1, 3, 7]) {
    const [north, southStore] = [new MemoryStore(), new MemoryStore()];
    const id = await putSnapshot(north, { a: files(60, 'a'), b: files(60, 'b') });
    const first = receivingSite(southStore);
    first.wire.cutAfterRecords = cutAfterRecords;
    await assert.rejects(replicateSnapshot(jobOf(id), first.peer, ports(north)), (error) =>
      isAppError(error, 'link_cut'),
    );
    southStore.crash();
    const durable = new Set(
      southStore.appended.slice(0, southStore.durableRecords).map((bytes) => toHex(parseRecord(bytes).checksum)),
    );
    const again = receivingSite(southStore);
    await replicateSnapshot(jobOf(id), again.peer, ports(north));
    const resent = again.wire.recordMessages.filter((message) =>
      durable.has(toHex(parseRecord(message.subarray(8)).checksum)),
    );
    assert.deepEqual(resent, []);
    assert.deepEqual(await missingFrom(southStore, domainId, id, undefined), []);
  }
});

test('a blind peer proves a snapshot complete without a key', async () => {
  const [north, blind] = [new MemoryStore(), new MemoryStore()];
  const id = await putSnapshot(north, { a: files(10, 'a') });
  const { peer, copies } = receivingSite(blind, false);
  await replicateSnapshot(jobOf(id), peer, ports(north));
  assert.ok(copies.has(toHex(id)));
});

test('a frame of which little is wanted is framed anew', async () => {
  const [north, southStore] = [new MemoryStore(), new MemoryStore()];
  const full = await putSnapshot(north, { a: files(4, 'a') });
  await putSnapshot(southStore, { a: files(3, 'a') });
  const { peer, wire } = receivingSite(southStore);
  await replicateSnapshot(jobOf(full), peer, ports(north));
  const leaves = wire.recordMessages
    .map((message) => parseRecord(message.subarray(8)))
    .filter((record) => record.kind === 1);
  assert.deepEqual(
    leaves.map((leaf) => leaf.ids.length),
    [1],
  );
});

test('two senders of one snapshot: the second is told to come later', async () => {
  const [north, southStore] = [new MemoryStore(), new MemoryStore()];
  const id = await putSnapshot(north, { a: files(50, 'a') });
  const { peer } = receivingSite(southStore);
  const results = await Promise.allSettled([
    replicateSnapshot(jobOf(id), peer, ports(north)),
    replicateSnapshot(jobOf(id), peer, ports(north)),
  ]);
  const refused = results.filter((result) => result.status === 'rejected');
  assert.equal(refused.length, 1);
  assert.ok(isAppError(refused[0]?.reason, 'already_receiving') && refused[0]?.reason.retryable);
});

test('a sender that has lost content says so before the peer believes anything', async () => {
  const [north, southStore] = [new MemoryStore(), new MemoryStore()];
  const whole = new MemoryStore();
  const id = await putSnapshot(whole, { a: files(8, 'a') });
  const missing = await missingFrom(north, domainId, id, undefined);
  assert.deepEqual(missing.map(toHex), [toHex(id)]);
  const { peer, copies } = receivingSite(southStore);
  await assert.rejects(replicateSnapshot(jobOf(id), peer, ports(north)), (error) =>
    isAppError(error, 'content_missing'),
  );
  assert.equal(copies.size, 0);
});

/** Makes the record of a node unreadable, as a flipped bit does. */
function damage(store: MemoryStore, id: RecordId): void {
  const readAt = store.readAt.bind(store);
  store.readAt = async (place) => {
    const record = await readAt(place);
    if (record.ids.some((one) => toHex(one) === toHex(id)) && place.offset < hurtBelow)
      throw recordDamaged('a bit flipped');
    return record;
  };
  const hurtBelow = store.durableRecords;
}

test('a damaged node at the receiver is sent once more, and a damaged base keeps nobody from replicating', async () => {
  const [north, southStore] = [new MemoryStore(), new MemoryStore()];
  const first = await putSnapshot(north, { a: files(8, 'a'), b: files(8, 'b') });
  const { peer, copies } = receivingSite(southStore);
  await replicateSnapshot(jobOf(first), peer, ports(north));
  damage(southStore, first);
  const second = await putSnapshot(north, { a: files(8, 'a'), b: files(8, 'c') });
  await replicateSnapshot(jobOf(second, [first]), peer, ports(north));
  assert.ok(copies.has(toHex(second)));

  copies.clear();
  await replicateSnapshot(jobOf(first), peer, ports(north));
  assert.deepEqual(await missingFrom(southStore, domainId, first, undefined), []);
});

test('a sender that is told to stop stops, though the peer answers nothing', async () => {
  const north = new MemoryStore();
  const id = await putSnapshot(north, { a: files(8, 'a') });
  const stop = new AbortController();
  const opened: MessageChannel[] = [];
  const silentPeer = {
    async open(): Promise<MessageChannel> {
      const [mine, theirs] = memoryChannelPair();
      opened.push(theirs);
      if (opened.length === 1)
        await receiverChannel(theirs).send({
          granted: { sessionId: new Uint8Array(16), baseSnapshotId: new Uint8Array(0), windowBytes: 20_000 },
        });
      // As a line does whose other end reads nothing more.
      mine.end = () => new Promise(() => undefined);
      return mine;
    },
  };
  const sending = replicateSnapshot(jobOf(id), silentPeer, { ...ports(north), signal: stop.signal });
  setImmediate(() => stop.abort(lineCut()));
  await assert.rejects(sending, (error) => isAppError(error, 'link_cut'));
});

/** A hostile sender's channels: an offer is granted, and what is asked for is known. */
async function grantedSession(north: MemoryStore, id: SnapshotId, peer: ReturnType<typeof receivingSite>['peer']) {
  const channel = senderChannel(await peer.open('replicate'));
  await channel.send({ offer: { snapshotId: id, datasetId, domainId, baseCandidates: [] } });
  const { granted } = (await channel.receive()) ?? {};
  assert.ok(granted);
  const records = await peer.open('records');
  await records.send(granted.sessionId);
  const all: RecordView[] = [];
  for (let offset = 0; offset < north.durableRecords; offset++)
    all.push(await north.readAt({ pack: 0, offset, length: 0, kind: RecordKind.leaf }));
  await channel.send({
    ids: { batch: 0, counts: all.map(({ ids }) => ids.length), ids: concatBytes(all.flatMap(({ ids }) => ids)) },
  });
  const sendRecord = async (sequence: number, bytes: Uint8Array) => {
    const head = Buffer.alloc(8);
    head.writeBigUInt64LE(BigInt(sequence));
    await records.send(concatBytes([head, bytes]));
  };
  return { channel, all: all.map(({ bytes }) => bytes), sendRecord };
}

test('a receiver reads no further while a window of records waits for its disk', async () => {
  const [north, southStore] = [new MemoryStore(), new MemoryStore()];
  const id = await putSnapshot(north, { a: files(200, 'a') });
  const flush = southStore.flush.bind(southStore);
  southStore.flush = () => new Promise(() => undefined);
  const { peer, cut } = receivingSite(southStore);
  const { channel, all, sendRecord } = await grantedSession(north, id, peer);
  await channel.receive();
  let sentBytes = 0;
  for (const [sequence, bytes] of all.entries()) {
    sentBytes += bytes.length;
    await sendRecord(sequence, bytes);
  }
  for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
  const takenBytes = southStore.appended.reduce((sum, bytes) => sum + bytes.length, 0);
  assert.ok(sentBytes > 60_000, `enough to overrun the window: ${sentBytes}`);
  // The one being read, and the one on its way to the loop.
  assert.ok(takenBytes <= 20_000 + 2 * Math.max(...all.map((bytes) => bytes.length)), `${takenBytes} taken`);
  await flush();
  cut();
});

test('when a session has ended, records that still come are not kept', async () => {
  const [north, southStore] = [new MemoryStore(), new MemoryStore()];
  const id = await putSnapshot(north, { a: files(4, 'a') });
  const { peer, served } = receivingSite(southStore);
  const { channel, all, sendRecord } = await grantedSession(north, id, peer);
  await channel.receive();
  await channel.send({});
  await assert.rejects(served[0] ?? Promise.resolve(), (error) => isAppError(error, 'protocol_violation'));
  await sendRecord(0, all[0] ?? new Uint8Array(0));
  await served[1];
  assert.equal(southStore.appended.length, 0);
});

test('a sender that asks and does not listen to the answers is not read further', async () => {
  const southStore = new MemoryStore();
  const { peer, cut, served } = receivingSite(southStore);
  let lookUps = 0;
  southStore.locateMany = async (_, ids) => {
    lookUps += 1;
    return ids.map(() => undefined);
  };
  const channel = senderChannel(await peer.open('replicate'));
  const [id] = [new Uint8Array(20) as SnapshotId];
  await channel.send({ offer: { snapshotId: id, datasetId, domainId, baseCandidates: [] } });
  await channel.receive();
  // As a channel does whose credit is spent.
  const far = (channel.raw as unknown as { other: MessageChannel }).other;
  const stuck = Promise.withResolvers<void>();
  far.send = () => stuck.promise;
  for (let batch = 0; batch < 1000; batch++) {
    const ids = Buffer.alloc(20);
    ids.writeUInt32LE(batch);
    await channel.send({ ids: { batch, counts: [1], ids } });
  }
  for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
  assert.ok(lookUps >= 128 && lookUps <= 130, `${lookUps} batches looked up`);
  cut();
  stuck.reject(lineCut());
  await assert.rejects(served[0] ?? Promise.resolve());
});

test('a receiver may only name a base that it was offered, and tell as much missing as fits one answer', async () => {
  const north = new MemoryStore();
  const id = await putSnapshot(north, { a: ['a'] });
  const granted = { sessionId: new Uint8Array(16), baseSnapshotId: new Uint8Array(0), windowBytes: 20_000 };
  const answers: ReplicateReply[][] = [
    [{ granted: { ...granted, baseSnapshotId: id } }],
    [{ granted }, { stillMissing: { ids: new Uint8Array(4097 * 20) } }],
  ];
  for (const said of answers) {
    const liar = {
      async open(service: string): Promise<MessageChannel> {
        const [mine, theirs] = memoryChannelPair();
        if (service === 'replicate') for (const reply of said) await receiverChannel(theirs).send(reply);
        return mine;
      },
    };
    const sent = replicateSnapshot(jobOf(id), liar, ports(north));
    await assert.rejects(sent, (error) => isAppError(error, 'protocol_violation'));
  }
});

test('a sender whose run was ended before it began opens nothing', async () => {
  const north = new MemoryStore();
  const id = await putSnapshot(north, { a: ['a'] });
  const { peer, served } = receivingSite(new MemoryStore());
  const signal = AbortSignal.abort(lineCut());
  await assert.rejects(replicateSnapshot(jobOf(id), peer, { ...ports(north), signal }), (error) =>
    isAppError(error, 'link_cut'),
  );
  assert.equal(served.length, 0);
});
