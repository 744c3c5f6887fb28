import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RecordId } from '#model';
import { RecordKind } from '#wire';
import { initialSender, nextSender, type SenderEffect, type SenderEvent } from './sender-state.ts';
import type { NeededRecord } from './walk-closure.ts';

const id = (n: number) => new Uint8Array(20).fill(n) as RecordId;
const needed = (offset: number, ...ids: number[]): NeededRecord => ({
  place: { pack: 1, offset, length: 100, kind: RecordKind.leaf },
  ids: ids.map(id),
});
const all = () => true;

function drive(events: readonly SenderEvent[], windowBytes = 1000) {
  const state = initialSender();
  const effects: SenderEffect[] = [];
  for (const event of [{ type: 'granted', windowBytes } as const, ...events]) effects.push(...nextSender(state, event));
  return {
    state,
    effects,
    sent: effects.filter((effect) => effect.do === 'sendRecord').map((effect) => effect.record.place.offset),
  };
}

test('a record that two batches want is sent once', () => {
  const { sent } = drive([
    { type: 'walked', records: [needed(64, 1)] },
    { type: 'walked', records: [needed(64, 2)] },
    { type: 'wanted', batch: 0, isWanted: all },
    { type: 'wanted', batch: 1, isWanted: all },
    { type: 'prepared', place: needed(64).place, whole: true },
  ]);
  assert.deepEqual(sent, [64]);
});

test('ids wanted while a part of their record was framed anew follow in another record', () => {
  const { sent } = drive([
    { type: 'walked', records: [needed(64, 1)] },
    { type: 'walked', records: [needed(64, 2)] },
    { type: 'wanted', batch: 0, isWanted: all },
    { type: 'wanted', batch: 1, isWanted: all },
    { type: 'prepared', place: needed(64).place, whole: false },
  ]);
  assert.deepEqual(sent, [64, 64]);
});

test('what is unacknowledged stays within the window, and one record always goes', () => {
  const records = [needed(64, 1), needed(200, 2), needed(400, 3)];
  const narrow = drive(
    [
      { type: 'walked', records },
      { type: 'wanted', batch: 0, isWanted: all },
    ],
    10,
  );
  assert.deepEqual(narrow.sent, [64]);
  const wider = drive(
    [
      { type: 'walked', records },
      { type: 'wanted', batch: 0, isWanted: all },
    ],
    250,
  );
  assert.deepEqual(wider.sent, [64, 200]);
  assert.equal(wider.state.unacknowledgedBytes, 200);
});

test('sending ends only when the walk is over and everything is answered and acknowledged', () => {
  const { effects, state } = drive([
    { type: 'walked', records: [needed(64, 1)] },
    { type: 'wanted', batch: 0, isWanted: all },
    { type: 'walkEnded' },
    { type: 'prepared', place: needed(64).place, whole: true },
  ]);
  assert.ok(!effects.some((effect) => effect.do === 'sendDone'));
  assert.deepEqual(nextSender(state, { type: 'acknowledged', belowSequence: 1 }), [{ do: 'sendDone', records: 1 }]);
});

test('an answer that the protocol does not allow here ends the session', () => {
  for (const event of [
    { type: 'proved' },
    { type: 'acknowledged', belowSequence: 5 },
    { type: 'wanted', batch: 7, isWanted: all },
  ] as const) {
    assert.deepEqual(drive([event]).effects.at(-1), { do: 'giveUp', reason: 'unexpected_answer' });
  }
});

test('a receiver that lacks something for ever is given up on', () => {
  const { state } = drive([{ type: 'walkEnded' }]);
  let last: SenderEffect | undefined;
  for (let round = 0; round < 20 && last?.do !== 'giveUp'; round++) {
    nextSender(state, { type: 'acknowledged', belowSequence: state.nextSequence });
    [last] = nextSender(state, { type: 'stillMissing', records: [{ ...needed(64, 1), declined: 0 }] });
    nextSender(state, { type: 'prepared', place: needed(64).place, whole: true });
  }
  assert.deepEqual(last, { do: 'giveUp', reason: 'receiver_keeps_lacking' });
});

test('what was sent whole is remembered until no answer can want it any more, and no longer', () => {
  const record = needed(64, 1, 2);
  const { state, effects } = drive([
    { type: 'walked', records: [needed(64, 1)] },
    { type: 'walked', records: [needed(64, 2)] },
    { type: 'wanted', batch: 0, isWanted: all },
    { type: 'prepared', place: record.place, whole: true },
    { type: 'acknowledged', belowSequence: 1 },
  ]);
  assert.equal(effects.filter((effect) => effect.do === 'sendRecord').length, 1);
  // The receiver gave this answer before it had the record.
  assert.deepEqual(nextSender(state, { type: 'wanted', batch: 1, isWanted: all }), []);
  assert.equal(state.sentWhole.size, 0);
  for (let n = 0; n < 10_000; n++) {
    const one = needed(1000 + n, n % 250);
    nextSender(state, { type: 'walked', records: [one] });
    nextSender(state, { type: 'wanted', batch: state.nextBatch - 1, isWanted: all });
    nextSender(state, { type: 'prepared', place: one.place, whole: true });
    nextSender(state, { type: 'acknowledged', belowSequence: state.nextSequence });
  }
  assert.deepEqual([state.sentWhole.size, state.settling.length, state.underway.size], [0, 0, 0]);
});

test('an acknowledgement of a record that has not left is refused', () => {
  const { state } = drive([
    { type: 'walked', records: [needed(64, 1)] },
    { type: 'wanted', batch: 0, isWanted: all },
  ]);
  assert.deepEqual(nextSender(state, { type: 'acknowledged', belowSequence: 1 }), [
    { do: 'giveUp', reason: 'unexpected_answer' },
  ]);
});

test('the walk pauses when a million ids wait, in however few records', () => {
  const state = initialSender();
  nextSender(state, { type: 'granted', windowBytes: 1 });
  const ids = Array.from({ length: 4096 }, () => id(1));
  let batches = 0;
  while (state.walking === 'asked' && batches < 1000) {
    const record = { ...needed(64 + batches), ids };
    nextSender(state, { type: 'walked', records: [record] });
    nextSender(state, { type: 'wanted', batch: batches, isWanted: all });
    batches += 1;
  }
  // 256 wait, the first is under way, and the last was asked for before its forerunner was answered.
  assert.equal(batches, 258);
  assert.equal(state.waitingIds, 1_048_576 + 4096);
});

test('a window is never larger than what a sender may hold in memory', () => {
  assert.equal(drive([], Number.MAX_SAFE_INTEGER).state.windowBytes, 256 * 1024 * 1024);
});
