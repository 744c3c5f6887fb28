import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { memoryPair } from './memory-conduit.ts';
import { initialCreditBytes } from './mux-frames.ts';
import { muxPair, serveEcho } from './testing/mux-pair.ts';
import { SimulatedTime } from './testing/simulated-time.ts';

const exchange = fc.record({
  byLeft: fc.boolean(),
  creditBytes: fc.integer({ min: initialCreditBytes, max: 2 ** 20 }),
  sizes: fc.array(fc.oneof(fc.constant(0), fc.nat(1000), fc.nat(600_000)), { minLength: 1, maxLength: 5 }),
});
const line = fc.record({
  latencyMs: fc.nat(60),
  queueBytesMax: fc.integer({ min: 5000, max: 300_000 }),
  frameBytesMax: fc.integer({ min: 1000, max: 65_535 }),
});

test('exchanges of any sizes over any line end whole, in order, and leave nothing behind', async () => {
  await fc.assert(
    fc.asyncProperty(line, fc.array(exchange, { minLength: 1, maxLength: 12 }), async (options, exchanges) => {
      const time = new SimulatedTime();
      const { left, right } = muxPair(memoryPair({ ...options, timers: time }), { clock: time, timers: time });
      serveEcho(left);
      serveEcho(right);
      const running = exchanges.map(async ({ byLeft, creditBytes, sizes }, index) => {
        const channel = (byLeft ? left : right).open('echo', { creditBytes });
        const sending = (async () => {
          for (const size of sizes) await channel.send(new Uint8Array(size).fill(index));
          await channel.end();
        })();
        for (const size of sizes) {
          const message = await channel.receive();
          assert.ok(message?.length === size && (size === 0 || message[size - 1] === index));
        }
        assert.equal(await channel.receive(), undefined);
        await sending;
        await channel.closed;
      });
      let unfinished = running.length;
      for (const exchange of running) void exchange.then(() => (unfinished -= 1));
      for (let step = 0; unfinished > 0; step += 1) {
        assert.ok(step < 3000, 'an exchange is stuck');
        await time.advance(50);
      }
      await time.advance(500);
      assert.deepEqual([left.channelCount, right.channelCount], [0, 0]);
      void left.close();
      void right.close();
    }),
    { numRuns: 15 },
  );
});
