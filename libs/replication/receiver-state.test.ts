import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RecordId } from '#model';
import { initialReceiver, nextReceiver } from './receiver-state.ts';

const [x, y] = [1, 2].map((byte) => new Uint8Array(20).fill(byte) as RecordId) as [RecordId, RecordId];

test('a record whose ids have all come with another one is skipped, not refused, as often as ids were asked for', () => {
  const state = initialReceiver(1_000_000);
  nextReceiver(state, { type: 'ids', batch: 0, ids: [x], here: [false] });
  nextReceiver(state, { type: 'ids', batch: 1, ids: [y], here: [false] });
  // The sender has x twice: in a record of its own, and beside y.
  assert.deepEqual(nextReceiver(state, { type: 'record', sequence: 1, ids: [x, y] }), [{ do: 'store', sequence: 1 }]);
  assert.deepEqual(nextReceiver(state, { type: 'record', sequence: 0, ids: [x] }), [{ do: 'skip', sequence: 0 }]);
  const third = nextReceiver(state, { type: 'record', sequence: 2, ids: [x] });
  assert.deepEqual(third, [{ do: 'refuse', what: 'a record that was not asked for' }]);
});

test('sequence numbers that leave one out are taken as far as a window has room for records, and no further', () => {
  const state = initialReceiver(11_700);
  const ids = Array.from({ length: 200 }, (_, i) => new Uint8Array(20).fill(i) as RecordId);
  nextReceiver(state, { type: 'ids', batch: 0, ids, here: ids.map(() => false) });
  const taken = ids.map((id, i) => nextReceiver(state, { type: 'record', sequence: i + 1, ids: [id] })[0]?.do);
  // The shortest record has 117 bytes.
  assert.equal(taken.indexOf('refuse'), 100);
  assert.equal(state.arrived.size, 100);
});

test('a sender may not end while records are missing between those that came', () => {
  const state = initialReceiver(1_000_000);
  nextReceiver(state, { type: 'ids', batch: 0, ids: [x, y], here: [false, false] });
  nextReceiver(state, { type: 'record', sequence: 0, ids: [x] });
  nextReceiver(state, { type: 'record', sequence: 2, ids: [y] });
  nextReceiver(state, { type: 'durable', belowSequence: 1 });
  const [effect] = nextReceiver(state, { type: 'done', records: 1 });
  assert.equal(effect?.do, 'refuse');
});

test('a sender that ends again and again without sending what is missing does not make a receiver prove for ever', () => {
  const state = initialReceiver(1_000_000);
  let proofs = 0;
  while (nextReceiver(state, { type: 'done', records: 0 })[0]?.do === 'prove') {
    proofs += 1;
    nextReceiver(state, { type: 'proof', missing: [x] });
  }
  assert.equal(proofs, 10);
});
