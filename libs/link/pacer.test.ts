import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tokenBucket } from './pacer.ts';
import { SimulatedTime } from './testing/simulated-time.ts';

/** How many bytes a greedy sender gets through in each of `seconds`. */
async function pour(rates: readonly number[], time: SimulatedTime, bucket: ReturnType<typeof tokenBucket>) {
  const perSecond: number[] = [];
  let bytes = 0;
  let stopped = false;
  const sending = (async () => {
    while (!stopped) {
      await bucket.admit(10_000);
      bytes += 10_000;
    }
  })();
  for (const rate of rates) {
    bucket.setRate(rate);
    const before = bytes;
    await time.advance(1000);
    perSecond.push(bytes - before);
  }
  stopped = true;
  bucket.setRate(1e9);
  await time.advance(1000);
  await sending;
  return perSecond;
}

test('a token bucket gives its rate, and a new rate at once', async () => {
  const time = new SimulatedTime();
  const bucket = tokenBucket({ rateBytesPerSecond: 1_000_000, burstBytes: 20_000 }, time, time);
  const perSecond = await pour([1_000_000, 100_000, 2_000_000], time, bucket);
  for (const [index, rate] of [1_000_000, 100_000, 2_000_000].entries()) {
    assert.ok(Math.abs(perSecond[index]! - rate) <= 40_000 + rate * 0.1, `${perSecond[index]} bytes at ${rate}`);
  }
});

test('after a pause no more than the burst goes at once', async () => {
  const time = new SimulatedTime();
  const bucket = tokenBucket({ rateBytesPerSecond: 1000, burstBytes: 5000 }, time, time);
  await time.advance(60_000);
  let free = 0;
  while (bucket.admit(1000) === undefined) free += 1;
  assert.equal(free, 5);
});

test('those who wait are served in order, also one that wants more than the burst', async () => {
  const time = new SimulatedTime();
  const bucket = tokenBucket({ rateBytesPerSecond: 1000, burstBytes: 500 }, time, time);
  const order: string[] = [];
  void bucket.admit(500)?.then(() => order.push('never'));
  for (const [name, bytes] of [
    ['large', 3000],
    ['small', 1],
  ] as const) {
    void bucket.admit(bytes)?.then(() => order.push(name));
  }
  await time.advance(100);
  assert.deepEqual(order, ['large']);
  await time.advance(2500);
  assert.deepEqual(order, ['large']);
  await time.advance(1000);
  assert.deepEqual(order, ['large', 'small']);
});
