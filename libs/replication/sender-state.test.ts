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
