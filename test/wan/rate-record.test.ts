import assert from 'node:assert/strict';
import { test } from 'node:test';
import { meanRate, type Sample, shares, within } from './rate-record.ts';

/** 1 MB/s, but for what `extra` adds by then. */
function steady(extra: (ms: number) => number): Sample[] {
  return Array.from({ length: 300 }, (_, i) => ({ ms: i * 10, bytes: i * 10_000 + extra(i * 10) }));
}

test('a steady rate is one, in every window', () => {
  const samples = steady(() => 0);
  assert.deepEqual(shares(samples, 1e6, 1000), { lowest: 1.003, highest: 0.997 });
  assert.equal(meanRate(within(samples, 500, 1500)), 1e6);
});

test('a burst that a fixed second would halve is seen whole', () => {
  const samples = steady((ms) => Math.min(Math.max(0, ms - 950), 100) * 1000);
  assert.ok(shares(samples, 1e6, 1000).highest > 1.09);
  assert.ok(shares(samples, 1e6, 100).highest > 1.95);
});

test('a hole is seen', () => {
  const samples = steady((ms) => -Math.min(Math.max(0, ms - 1200), 500) * 1000);
  assert.ok(shares(samples, 1e6, 1000).lowest < 0.51);
});
