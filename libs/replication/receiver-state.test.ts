import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RecordId } from '#model';
import { initialReceiver, nextReceiver } from './receiver-state.ts';

const [x, y] = [1, 2].map((byte) => new Uint8Array(20).fill(byte) as RecordId) as [RecordId, RecordId];

test('a record whose ids have all come with another one is skipped, not refused, as often as ids were asked for', () => {
  const state = initialReceiver();
  nextReceiver(state, { type: 'ids', batch: 0, ids: [x], here: [false] });
  nextReceiver(state, { type: 'ids', batch: 1, ids: [y], here: [false] });
  // The sender has x twice: in a record of its own, and beside y.
  assert.deepEqual(nextReceiver(state, { type: 'record', sequence: 1, ids: [x, y] }), [{ do: 'store', sequence: 1 }]);
  assert.deepEqual(nextReceiver(state, { type: 'record', sequence: 0, ids: [x] }), [{ do: 'skip', sequence: 0 }]);
  const third = nextReceiver(state, { type: 'record', sequence: 2, ids: [x] });
  assert.deepEqual(third, [{ do: 'refuse', what: 'a record that was not asked for' }]);
});
