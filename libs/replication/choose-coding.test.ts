import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type CodingQuestion, chooseCoding, expectedMs } from './choose-coding.ts';

const text: CodingQuestion = {
  lineBytesPerSecond: 1e6,
  storedBytes: 300_000,
  rawBytes: 1_000_000,
  hasDictionary: false,
  processorSpeed: 1,
  workers: 2,
  deltaRatio: 0.3,
};
const levelOf = (question: CodingQuestion) => chooseCoding(question)?.level ?? 0;

const question = fc.record({
  lineBytesPerSecond: fc.double({ min: 1e3, max: 1e10, noNaN: true }),
  storedBytes: fc.integer({ min: 0, max: 8_000_000 }),
  rawBytes: fc.integer({ min: 0, max: 8_000_000 }),
  hasDictionary: fc.boolean(),
  processorSpeed: fc.double({ min: 0.05, max: 4, noNaN: true }),
  workers: fc.integer({ min: 1, max: 2 }),
  deltaRatio: fc.double({ min: 0.001, max: 1, noNaN: true }),
});

test('a faster line never gets a higher level', () => {
  fc.assert(
    fc.property(question, fc.double({ min: 1, max: 1000, noNaN: true }), (asked, times) => {
      const faster = { ...asked, lineBytesPerSecond: asked.lineBytesPerSecond * times };
      assert.ok(levelOf(faster) <= levelOf(asked), `${levelOf(asked)} became ${levelOf(faster)}`);
    }),
    { numRuns: 500 },
  );
});

test('a faster processor never gets a lower level', () => {
  fc.assert(
    fc.property(question, fc.double({ min: 1, max: 80, noNaN: true }), (asked, times) => {
      const processorSpeed = Math.min(4, asked.processorSpeed * times);
      assert.ok(levelOf({ ...asked, processorSpeed }) >= levelOf(asked));
    }),
    { numRuns: 500 },
  );
});

test('a line that is faster than the processor gets the records as they lie', () => {
  for (const hasDictionary of [false, true]) {
    const fast = { ...text, hasDictionary, lineBytesPerSecond: 1e9 };
    assert.equal(chooseCoding(fast), undefined);
    assert.equal(chooseCoding({ ...fast, processorSpeed: 4 }), undefined);
    assert.equal(chooseCoding({ ...text, hasDictionary, lineBytesPerSecond: 20e6, processorSpeed: 0.05 }), undefined);
  }
});

test('a slow line gets the highest level, with a dictionary and without', () => {
  assert.equal(levelOf({ ...text, lineBytesPerSecond: 50_000 }), 19);
  assert.equal(levelOf({ ...text, lineBytesPerSecond: 50_000, hasDictionary: true }), 19);
  // A fifth of a 100 Mbit/s line: time counts, and something is still saved.
  const between = levelOf({ ...text, lineBytesPerSecond: 2.5e6, hasDictionary: true });
  assert.ok(between >= 9 && between < 19, `${between}`);
});

test('deltas that bring nothing are not made, however slow the line', () => {
  assert.equal(chooseCoding({ ...text, hasDictionary: true, deltaRatio: 1, lineBytesPerSecond: 1000 }), undefined);
});

test('what is chosen gets the contents over sooner than sending them as they lie', () => {
  fc.assert(
    fc.property(question, (asked) => {
      const level = levelOf(asked);
      if (level === 0) return;
      const packingMs = expectedMs(level, asked.rawBytes, asked.hasDictionary) / asked.processorSpeed / asked.workers;
      const asItLiesMs = (Math.max(1, asked.storedBytes) * 1000) / asked.lineBytesPerSecond;
      assert.ok(packingMs <= asItLiesMs, `${packingMs} ms instead of ${asItLiesMs}`);
    }),
    { numRuns: 500 },
  );
});
