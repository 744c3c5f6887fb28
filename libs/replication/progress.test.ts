import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AppError, isAppError, systemRandom } from '#runtime';
import { type MessageChannel, replicateSnapshot } from './index.ts';
import { receiverChannel, senderChannel } from './messages.ts';
import { ProgressWatch } from './progress-watch.ts';
import { memoryChannelPair } from './testing/memory-channel.ts';
import { MemoryStore } from './testing/memory-store.ts';
import { jobOf, receivingSite } from './testing/receiving-site.ts';
import { datasetId, domainId, keys, putSnapshot } from './testing/sample-snapshot.ts';
import { SteppedTimers } from './testing/stepped-timers.ts';

const isStalled = (error: unknown) => isAppError(error, 'session_stalled') && error.retryable;

async function sites() {
  const [north, southStore, timers] = [new MemoryStore(), new MemoryStore(), new SteppedTimers()];
  const id = await putSnapshot(north, { a: ['a', 'b', 'c'], b: ['d'] });
  const ports = { store: north, keys, random: systemRandom, timers };
  return { id, ports, southStore, timers, south: receivingSite(southStore, true, timers) };
}

test('who was granted a snapshot and does nothing loses it, and another may give it', async () => {
  const { id, ports, timers, south } = await sites();
  const idle = senderChannel(await south.peer.open('replicate'));
  await idle.send({ offer: { snapshotId: id, datasetId, domainId, baseCandidates: [] } });
  assert.ok((await idle.receive())?.granted);
  await timers.pass(100_000);
  const refused = replicateSnapshot(jobOf(id), south.peer, ports);
  await assert.rejects(refused, (error) => isAppError(error, 'already_receiving'));
  await timers.pass(50_000);
  await assert.rejects(south.served[0] ?? Promise.resolve(), isStalled);
  const { sentRecords } = await timers.until(replicateSnapshot(jobOf(id), south.peer, ports));
  assert.ok(sentRecords > 0 && south.copies.size === 1);
});

test('a channel on which nothing is ever offered does not stay', async () => {
  const { timers, south } = await sites();
  const channel = await south.peer.open('replicate');
  await timers.pass(130_000);
  await assert.rejects(channel.receive(), isStalled);
});

test('a receiver that never answers does not keep a sender: neither the offer, nor ids, nor the end', async () => {
  const { id, ports, timers } = await sites();
  const granted = { sessionId: new Uint8Array(16), baseSnapshotId: new Uint8Array(0), windowBytes: 20_000 };
  for (const answers of [false, true]) {
    let opened = 0;
    const mute = {
      async open(): Promise<MessageChannel> {
        const [mine, theirs] = memoryChannelPair();
        opened += 1;
        if (answers && opened === 1) await receiverChannel(theirs).send({ granted });
        // As a line does whose other end reads nothing more.
        mine.end = () => new Promise(() => undefined);
        return mine;
      },
    };
    await assert.rejects(timers.until(replicateSnapshot(jobOf(id), mute, ports)), isStalled);
  }
});

test('a peer to which no channel opens does not keep a sender', async () => {
  const { id, ports, timers } = await sites();
  const noLine = { open: () => new Promise<MessageChannel>(() => undefined) };
  await assert.rejects(timers.until(replicateSnapshot(jobOf(id), noLine, ports)), isStalled);
});

test('a receiver whose proof takes longer than the limit says that it works, and is waited for', async () => {
  const { id, ports, southStore, timers, south } = await sites();
  const readAt = southStore.readAt.bind(southStore);
  southStore.readAt = async (place) => {
    await timers.sleep(90_000);
    return readAt(place);
  };
  await timers.until(replicateSnapshot(jobOf(id), south.peer, ports));
  assert.equal(south.copies.size, 1);
  assert.ok(timers.nowMs > 200_000);
});

test('a sender that compares for long before it has anything to offer keeps its session', async () => {
  const { id, ports, timers, south } = await sites();
  const { store } = ports;
  const locateMany = store.locateMany.bind(store);
  store.locateMany = async (domain, ids) => {
    await timers.sleep(90_000);
    return locateMany(domain, ids);
  };
  await timers.until(replicateSnapshot(jobOf(id), south.peer, ports));
  assert.equal(south.copies.size, 1);
});

function watched(timers: SteppedTimers) {
  const end = { moved: 0, worked: 0, isBusy: false, notes: 0, stalled: undefined as AppError | undefined };
  const watch = new ProgressWatch(timers, {
    moved: () => end.moved,
    worked: () => end.worked,
    isBusy: () => end.isBusy,
    sayWorking: () => {
      end.notes += 1;
    },
    onStall: (error) => {
      end.stalled = error;
    },
  });
  return { end, watch };
}

test('a line that carries one byte a minute is never cut, one that carries none for two minutes is', async () => {
  const timers = new SteppedTimers();
  const { end } = watched(timers);
  for (let minute = 0; minute < 500; minute++) {
    end.moved += 1;
    await timers.pass(60_000);
  }
  assert.equal(end.stalled, undefined);
  await timers.pass(135_000);
  assert.ok(isStalled(end.stalled));
});

test('an end whose own turn it is never ends the session, and says that it works only while it does', async () => {
  const timers = new SteppedTimers();
  const { end, watch } = watched(timers);
  end.isBusy = true;
  end.worked = 1;
  await timers.pass(1_000_000);
  assert.deepEqual([end.stalled, end.notes], [undefined, 1]);
  end.worked = 2;
  await timers.pass(15_000);
  assert.equal(end.notes, 2);
  watch[Symbol.dispose]();
});
