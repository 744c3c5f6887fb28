import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Channel } from '#link';
import { type AppError, isAppError } from '#runtime';
import { SimulatedTime } from '../testing/simulated-time.ts';
import { type LineTestSample, lineFigures } from './line-test.ts';
import { LineTestReceiver, lineTestReport, lineTestRequest } from './line-test-receiver.ts';

const north = new Uint8Array(16).fill(1);
const south = new Uint8Array(16).fill(2);

/** A channel whose other end is the test. */
function openChannel() {
  const waiting: (Uint8Array | undefined)[] = [];
  const answers: Uint8Array[] = [];
  let ended: AppError | undefined;
  let wake = Promise.withResolvers<void>();
  const stir = () => {
    wake.resolve();
    wake = Promise.withResolvers();
  };
  const fields = {
    bytesReceived: 0,
    receive: async () => {
      while (waiting.length === 0) {
        if (ended !== undefined) throw ended;
        await wake.promise;
      }
      return waiting.shift();
    },
    send: async (message: Uint8Array) => void answers.push(message),
    abort: (error: AppError) => {
      ended ??= error;
      stir();
    },
  };
  const say = (message: Uint8Array | undefined) => {
    fields.bytesReceived += message?.length ?? 0;
    waiting.push(message);
    stir();
  };
  return { channel: fields as unknown as Channel, say, answers, ended: () => ended?.code };
}

async function codeOf(work: Promise<void>): Promise<string> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return isAppError(error) ? error.code : `no error: ${String(error)}`;
}

function request(seconds: number, bytesMax: number): Uint8Array {
  return lineTestRequest.encode({ seconds, bytesMax });
}

test('a peer has one test at a time, of 15 s at most; what fills the line is counted and let go', async () => {
  const time = new SimulatedTime();
  const receiver = new LineTestReceiver(time, time);
  const pass = async (ms: number) => {
    time.pass(ms);
    await new Promise((resolve) => setImmediate(resolve));
  };
  const begin = (siteId: Uint8Array, message: Uint8Array) => {
    const control = openChannel();
    control.say(message);
    return { ...control, done: codeOf(receiver.serve(control.channel, siteId)) };
  };
  assert.equal(await codeOf(receiver.serveBulk(openChannel().channel, north)), 'line_test_over');
  for (const [seconds, bytes] of [
    [16, 1],
    [0, 1],
    [10, 0],
    [10, 2 ** 36],
  ] as const)
    assert.equal(await begin(north, request(seconds, bytes)).done, 'line_test_too_large');

  const first = begin(north, request(15, 1_000_000));
  await pass(1);
  assert.equal(await begin(north, request(15, 1_000_000)).done, 'line_test_busy');
  const other = begin(south, request(15, 1_000_000));
  await pass(100);
  const bulk = openChannel();
  const filled = codeOf(receiver.serveBulk(bulk.channel, north));
  bulk.say(new Uint8Array(300_000));
  first.say(new Uint8Array(0));
  await pass(0);
  const [answer] = first.answers;
  assert.ok(answer !== undefined);
  assert.deepEqual({ ...lineTestReport.decode(answer) }, { elapsedUs: 100_000, receivedBytes: 300_000 });

  bulk.say(new Uint8Array(800_000));
  assert.equal(await first.done, 'line_test_over');
  assert.equal(bulk.ended(), 'line_test_over');
  assert.match(await filled, /^no error/);

  await pass(15_000);
  assert.equal(await other.done, 'line_test_over');
  const again = begin(north, request(1, 1));
  again.say(undefined);
  assert.match(await again.done, /^no error/);
  assert.equal(time.waiting, 0);
});

test('a capacity is the median of the settled seconds, and counts what the line carries', () => {
  const samples = Array.from({ length: 100 }, (_, index): LineTestSample => {
    const loaded = Math.max(0, index - 9);
    // The first third goes thrice as fast, as a queue that fills does.
    const receivedBytes = 1000 * loaded + 2000 * Math.min(loaded, 30);
    return {
      elapsedMs: index * 100,
      receivedBytes,
      isIdle: index < 10,
      wireBytes: receivedBytes * 1.05,
      sentSegments: index * 10,
      resentSegments: index,
      roundTripMs: index < 10 ? 5 : 20,
    };
  });
  const { capacityBytesPerSecond, payloadBytesPerSecond, ...others } = lineFigures(samples);
  assert.deepEqual([Math.round(payloadBytesPerSecond), Math.round(capacityBytesPerSecond)], [10_000, 10_500]);
  assert.deepEqual(others, { roundTripIdleMs: 5, roundTripLoadedMs: 20, resentPercent: 10 });
  assert.throws(() => lineFigures(samples.slice(0, 15)), { code: 'line_test_unclear' });
});
