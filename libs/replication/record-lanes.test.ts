import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AppError, systemRandom, systemTimers } from '#runtime';
import { type MessageChannel, replicateSnapshot } from './index.ts';
import { RecordLanes } from './record-lanes.ts';
import { memoryChannelPair } from './testing/memory-channel.ts';
import { MemoryStore } from './testing/memory-store.ts';
import { jobOf, receivingSite } from './testing/receiving-site.ts';
import { keys, putSnapshot } from './testing/sample-snapshot.ts';
import { wholeMessage } from './wire-message.ts';

const sessionId = new Uint8Array(16);
const connectionLost = () => new AppError('gone', { code: 'connection_lost', retryable: true, advice: 'Wait.' });
const turn = () => new Promise(setImmediate);

/** A lane that says what it carried; `credit` messages go, the session id included, and the next one waits. */
function testLane(credit = Number.POSITIVE_INFINITY) {
  const [mine, theirs] = memoryChannelPair();
  const carried: number[] = [];
  const send = mine.send.bind(mine);
  let messages = 0;
  let lose: (error: AppError) => void = () => undefined;
  const lost = new Promise<never>((_resolve, reject) => {
    lose = reject;
  });
  lost.catch(() => undefined);
  mine.send = async (message) => {
    messages += 1;
    if (messages > credit) await lost;
    await send(message);
    if (message.length > 16) carried.push(message[0] ?? 0);
  };
  const cut = () => {
    lose(connectionLost());
    mine.abort(connectionLost());
  };
  return { channel: mine as MessageChannel, theirs, carried, cut };
}

function lanesOf(othersMayCome = true) {
  const failures: unknown[] = [];
  const lanes = new RecordLanes({ sessionId, othersMayCome, onFailure: (error) => failures.push(error) });
  return { lanes, failures };
}

const message = (sequence: number) => wholeMessage(sequence, new Uint8Array(20));

test('a lane without credit leaves the messages to the others', async () => {
  const { lanes } = lanesOf();
  const [slow, fast] = [testLane(2), testLane()];
  lanes.add(slow.channel);
  lanes.add(fast.channel);
  await turn();
  for (let sequence = 0; sequence < 20; sequence += 1) void lanes.send(message(sequence));
  await turn();
  assert.ok(slow.carried.length <= 1 && fast.carried.length >= 18, `${slow.carried.length}, ${fast.carried.length}`);
});

test('what a lost lane had under way goes over the others, but for what was acknowledged', async () => {
  const { lanes, failures } = lanesOf();
  const first = testLane(4);
  lanes.add(first.channel);
  for (let sequence = 0; sequence < 6; sequence += 1) void lanes.send(message(sequence));
  await turn();
  assert.deepEqual(first.carried, [0, 1, 2]);
  lanes.acknowledged(2);
  first.cut();
  await turn();
  const second = testLane();
  lanes.add(second.channel);
  await turn();
  assert.deepEqual(second.carried, [2, 3, 4, 5]);
  assert.deepEqual([failures, lanes.hasSentAgain], [[], true]);
});

test('the loss of the only lane that there will be is told, and so is a refusal', async () => {
  const alone = lanesOf(false);
  const lane = testLane();
  alone.lanes.add(lane.channel);
  await turn();
  lane.cut();
  await turn();
  assert.equal(alone.failures.length, 1);
  const { lanes, failures } = lanesOf();
  const [left, right] = [testLane(), testLane()];
  lanes.add(left.channel);
  lanes.add(right.channel);
  await turn();
  left.theirs.abort(new AppError('no', { code: 'disk_full', advice: 'None.' }));
  await turn();
  assert.equal(failures.length, 1);
});

test('a connection that is lost in the middle of a session costs neither the session nor a record', async () => {
  const [north, southStore] = [new MemoryStore(), new MemoryStore()];
  const names = Array.from({ length: 60 }, (_, i) => `file ${i}`);
  const id = await putSnapshot(north, { a: names, b: ['d'] });
  const south = receivingSite(southStore);
  let opened = 0;
  const peer = {
    open: (service: string) => south.peer.open(service),
    openOnEach(_service: string, _options: object, _signal: AbortSignal, onChannel: (one: MessageChannel) => void) {
      const add = async (breaksAfter: number) => {
        opened += 1;
        const channel = await south.peer.open('records');
        const send = channel.send.bind(channel);
        let left = breaksAfter;
        channel.send = async (bytes) => {
          await send(bytes);
          left -= 1;
          if (left > 0) return;
          channel.abort(connectionLost());
          if (opened < 5) void add(3);
          throw connectionLost();
        };
        onChannel(channel);
      };
      void add(2);
      void add(Number.POSITIVE_INFINITY);
    },
  };
  await replicateSnapshot(jobOf(id), peer, { store: north, keys, random: systemRandom, timers: systemTimers });
  assert.equal(south.copies.size, 1);
  assert.ok(opened > 2, `${opened} lanes`);
});
