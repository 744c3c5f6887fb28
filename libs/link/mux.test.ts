import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AppError, isAppError } from '#runtime';
import type { FrameConduit, FrameReceiver } from './frame-conduit.ts';
import { memoryPair } from './memory-conduit.ts';
import {
  decodeFrame,
  encodeFrame,
  initialCreditBytes,
  type MuxFrame,
  messageBytesMax,
  messageCostBytes,
} from './mux-frames.ts';
import { muxPair, serveEcho } from './testing/mux-pair.ts';
import { SimulatedTime, settle } from './testing/simulated-time.ts';

const bytes = (length: number, seed = 1) => new Uint8Array(length).fill(seed);
const plain = (message: Uint8Array | undefined) => message && new Uint8Array(message);

test('messages arrive whole and in order, empty ones and ones larger than the window too', async () => {
  const { left, right } = muxPair();
  serveEcho(right);
  await using channel = left.open('echo', { creditBytes: initialCreditBytes });
  const sizes = [0, 1, 65_000, 70_000, 1_500_000, messageBytesMax, 0, 3];
  const sending = (async () => {
    for (const [index, size] of sizes.entries()) await channel.send(bytes(size, index));
    await channel.end();
  })();
  for (const [index, size] of sizes.entries()) assert.deepEqual(plain(await channel.receive()), bytes(size, index));
  assert.equal(await channel.receive(), undefined);
  await sending;
  await channel.closed;
  assert.equal(left.channelCount, 0);
  await settle();
  assert.equal(right.channelCount, 0);
});

test('a message above 8 MiB is refused by the sender', async () => {
  const { left, right } = muxPair();
  serveEcho(right);
  await using channel = left.open('echo');
  await assert.rejects(channel.send(bytes(messageBytesMax + 1)), (error) => isAppError(error, 'message_too_large'));
});

test('a service that does not exist is refused with advice', async () => {
  const { left } = muxPair();
  await using channel = left.open('nothing-here');
  await assert.rejects(channel.receive(), (error) => isAppError(error, 'unknown_service') && error.advice !== '');
});

test("a handler's typed error travels whole, any other only as internal", async () => {
  const seen: unknown[] = [];
  const { left, right } = muxPair(memoryPair(), { onHandlerError: (error) => seen.push(error) });
  right.serve('typed', async () => {
    throw new AppError('no tape', { code: 'no_tape', advice: 'Load one.', retryable: true, details: { secret: 1 } });
  });
  right.serve('untyped', async () => {
    throw new Error('a secret path');
  });
  await assert.rejects(left.open('typed').receive(), (error) => {
    assert(isAppError(error, 'no_tape'));
    assert.deepEqual([error.message, error.advice, error.retryable], ['no tape', 'Load one.', true]);
    assert.equal('secret' in error.details, false);
    return true;
  });
  await assert.rejects(left.open('untyped').receive(), (error) => {
    assert(isAppError(error, 'internal'));
    assert.doesNotMatch(JSON.stringify([error.message, error.advice, error.details]), /secret/);
    return true;
  });
  assert.equal(seen.length, 1);
});

test('an abort drops what waits, at both ends, and leaves other channels alone', async () => {
  const { left, right } = muxPair();
  serveEcho(right);
  const served = Promise.withResolvers<unknown>();
  right.serve('slow', async (channel) => {
    await channel.closed;
    await channel.receive().catch(served.resolve);
  });
  const channel = left.open('slow');
  const other = left.open('echo');
  await channel.send(bytes(messageBytesMax));
  const stuck = channel.send(bytes(messageBytesMax));
  await settle();
  channel.abort(new AppError('stop', { code: 'stop', advice: 'None.' }));
  await assert.rejects(stuck, (error) => isAppError(error, 'channel_closed'));
  await assert.rejects(channel.receive(), (error) => isAppError(error, 'stop'));
  assert(isAppError(await served.promise, 'stop'));
  await other.send(bytes(10));
  assert.deepEqual(plain(await other.receive()), bytes(10));
});

test('what a channel is sent never exceeds the credit that it granted', async () => {
  const pair = memoryPair();
  const window = 256 * 1024;
  let grantedBytes = initialCreditBytes;
  let usedBytes = 0;
  let consumedBytes = 0;
  const count = (conduit: FrameConduit, seen: (frame: MuxFrame) => void): FrameConduit => ({
    ...conduit,
    frameBytesMax: conduit.frameBytesMax,
    closed: conduit.closed,
    attach: (receiver: FrameReceiver | undefined) => conduit.attach(receiver),
    close: () => conduit.close(),
    destroy: (why: string) => conduit.destroy(why),
    overheadBytes: 0,
    bytesSent: 0,
    bytesReceived: 0,
    send: (parts) => {
      seen(decodeFrame(Buffer.concat(parts)));
      return conduit.send(parts);
    },
  });
  const { left, right } = muxPair({
    left: count(pair.left, (frame) => {
      if (frame.type === 'credit') grantedBytes += frame.creditBytes;
    }),
    right: count(pair.right, (frame) => {
      if (frame.type === 'data') usedBytes += frame.bytes.length + messageCostBytes;
      if (frame.type === 'more') usedBytes += frame.bytes.length;
      assert.ok(usedBytes <= grantedBytes);
      assert.ok(grantedBytes - consumedBytes <= window + 3 * 40_064);
    }),
  });
  right.serve('pour', async (channel) => {
    for (let index = 0; index < 200; index += 1) await channel.send(bytes(40_000));
    for (let index = 0; index < 3000; index += 1) await channel.send(bytes(0));
  });
  const channel = left.open('pour', { creditBytes: window });
  await settle();
  const aheadBytes = usedBytes;
  assert.ok(aheadBytes > window - 40_100 && aheadBytes <= window, `${aheadBytes} bytes came unasked`);
  for (let message = await channel.receive(); message !== undefined; message = await channel.receive()) {
    consumedBytes += message.length + messageCostBytes;
  }
  assert.equal(consumedBytes, 200 * (40_000 + messageCostBytes) + 3000 * messageCostBytes);
});

test('a small exchange is served while bulk channels are full', async () => {
  const { left, right } = muxPair(memoryPair({ queueBytesMax: 128 * 1024 }));
  serveEcho(right);
  right.serve('sink', async (channel) => {
    while ((await channel.receive()) !== undefined);
  });
  const bulk = [left.open('sink'), left.open('sink'), left.open('sink')];
  const control = left.open('echo');
  const poured = Promise.all(
    bulk.map(async (channel) => {
      for (let index = 0; index < 8; index += 1) await channel.send(bytes(4_000_000));
    }),
  );
  let rounds = 0;
  let done = false;
  void poured.then(() => {
    done = true;
  });
  while (!done) {
    const sentBefore = bulk.reduce((sum, channel) => sum + channel.bytesSent, 0);
    await control.send(bytes(100));
    await control.receive();
    const sentBetween = bulk.reduce((sum, channel) => sum + channel.bytesSent, 0) - sentBefore;
    rounds += 1;
    assert.ok(sentBetween <= 1_000_000, `${sentBetween} bulk bytes went before a small message`);
  }
  assert.ok(rounds > 50);
});

test('a cut in the middle of a message rejects both ends with a retryable error and delivers no part of it', async () => {
  const pair = memoryPair({ queueBytesMax: 100_000 });
  const { left, right } = muxPair(pair);
  const served = Promise.withResolvers<unknown>();
  right.serve('sink', async (channel) => {
    await channel.receive().then(served.resolve, served.resolve);
  });
  const channel = left.open('sink');
  const sending = channel.send(bytes(messageBytesMax));
  while (channel.bytesSent < 1_000_000) await Promise.resolve();
  pair.cut();
  await assert.rejects(sending, (error) => isAppError(error, 'channel_closed') && error.retryable);
  assert(isAppError(await served.promise, 'connection_lost'));
  assert(isAppError(await left.closed, 'connection_lost'));
  assert.throws(
    () => left.open('sink'),
    (error) => isAppError(error, 'connection_lost'),
  );
});

test('close() tells the other end why', async () => {
  const { left, right } = muxPair();
  void left.close(new AppError('paused by the admin', { code: 'link_paused', advice: 'Resume it.', retryable: true }));
  const reason = await right.closed;
  assert.deepEqual([reason.code, reason.message], ['link_paused', 'paused by the admin']);
});

test('a silent line is found dead after three missed heartbeats, and a slept hour is not taken for silence', async () => {
  const time = new SimulatedTime();
  const pair = memoryPair({ latencyMs: 20, timers: time });
  const { left, right } = muxPair(pair, {
    clock: time,
    timers: time,
    heartbeat: { intervalMs: 5000, deadAfterMs: 15_000 },
  });
  await time.advance(60_000);
  assert.equal(left.roundTripMs, 40);
  assert.equal(right.roundTripMs, 40);
  pair.silence();
  let ended: AppError | undefined;
  void left.closed.then((reason) => {
    ended = reason;
  });
  await time.advance(14_900);
  assert.equal(ended, undefined);
  await time.advance(5200);
  assert(isAppError(ended, 'link_silent'));
  await right.closed;
  assert.equal(time.pendingTimers, 0);
});

test('more than 128 channels of one end are refused without harm to the others', async () => {
  const { left, right } = muxPair();
  serveEcho(right);
  const channels = Array.from({ length: 128 }, () => left.open('echo'));
  assert.throws(
    () => left.open('echo'),
    (error) => isAppError(error, 'too_many_channels') && error.retryable,
  );
  await channels[0]?.end();
  await channels[0]?.closed;
  const next = left.open('echo');
  await next.send(bytes(5));
  assert.deepEqual(plain(await next.receive()), bytes(5));
});

test('a handler that returns early ends its channel and does not stop the sender', async () => {
  const { left, right } = muxPair();
  right.serve('first-only', async (channel) => {
    const first = await channel.receive();
    assert.ok(first);
    await channel.send(first);
  });
  const channel = left.open('first-only');
  for (let index = 0; index < 20; index += 1) await channel.send(bytes(1_000_000));
  assert.equal((await channel.receive())?.length, 1_000_000);
  assert.equal(await channel.receive(), undefined);
  await channel.end();
  await channel.closed;
});

/** One mux against a hand-written other end. */
function against(frames: (send: (frame: MuxFrame | Uint8Array) => void) => void) {
  const pair = memoryPair();
  const { left } = muxPair({ left: pair.left, right: memoryPair().right });
  const heard: MuxFrame[] = [];
  pair.right.attach({ frame: (frame) => void heard.push(decodeFrame(frame)), drain: () => undefined });
  left.serve('sink', async (channel) => {
    await new Promise((resolve) => setImmediate(resolve));
    await channel.closed;
  });
  frames((frame) => void pair.right.send(frame instanceof Uint8Array ? [frame] : encodeFrame(frame)));
  return { left, heard };
}

const open = { type: 'open', channel: 2, service: 'sink' } as const;
const violations: Record<string, (MuxFrame | Uint8Array)[]> = {
  'an empty frame': [new Uint8Array(0)],
  'an unknown frame type': [Uint8Array.of(99, 0, 0, 0, 0)],
  'a frame for a channel never opened': [{ type: 'end', channel: 4 }],
  'a channel number of the wrong end': [{ type: 'open', channel: 1, service: 'sink' }],
  'a channel number used twice': [open, open],
  'a service name with a space': [Buffer.concat([Uint8Array.of(1, 0, 0, 0, 2), Buffer.from('a b')])],
  'a service name of 65 bytes': [Buffer.concat([Uint8Array.of(1, 0, 0, 0, 2), Buffer.alloc(65, 97)])],
  'a message above 8 MiB': [open, { type: 'data', channel: 2, messageBytes: messageBytesMax + 1, bytes: bytes(1) }],
  'more bytes than the message has': [open, { type: 'data', channel: 2, messageBytes: 1, bytes: bytes(2) }],
  'an empty fragment': [open, { type: 'data', channel: 2, messageBytes: 1, bytes: bytes(0) }],
  'a fragment of nothing': [open, { type: 'more', channel: 2, bytes: bytes(1) }],
  'a message inside a message': [
    open,
    { type: 'data', channel: 2, messageBytes: 5, bytes: bytes(1) },
    { type: 'data', channel: 2, messageBytes: 5, bytes: bytes(1) },
  ],
  'an end inside a message': [
    open,
    { type: 'data', channel: 2, messageBytes: 5, bytes: bytes(1) },
    { type: 'end', channel: 2 },
  ],
  'a message after the end': [
    open,
    { type: 'end', channel: 2 },
    { type: 'data', channel: 2, messageBytes: 1, bytes: bytes(1) },
  ],
  'more than the credit': [
    open,
    ...Array.from(
      { length: 80 },
      () => ({ type: 'data', channel: 2, messageBytes: 60_000, bytes: bytes(60_000) }) as const,
    ),
  ],
  'an abort that does not parse': [open, { type: 'abort', channel: 2, report: Uint8Array.of(255, 255) }],
  'an abort whose code is no code': [open, { type: 'abort', channel: 2, report: new Uint8Array(0) }],
  'a ping of seven bytes': [Uint8Array.of(16, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7)],
};

for (const [name, frames] of Object.entries(violations)) {
  test(`${name} closes the connection and the other end is told`, async () => {
    const { left, heard } = against((send) => frames.forEach(send));
    const reason = await left.closed;
    assert.equal(reason.code, 'protocol_violation');
    await settle();
    assert.equal(heard.at(-1)?.type, 'goodbye');
  });
}

test('frames for a channel that is over already are let pass', async () => {
  const { left, heard } = against((send) => {
    send({ type: 'open', channel: 2, service: 'no-such' });
    send({ type: 'data', channel: 2, messageBytes: 1, bytes: bytes(1) });
    send({ type: 'credit', channel: 2, creditBytes: 5 });
    send({ type: 'end', channel: 2 });
    send({ type: 'ping', echo: bytes(8, 9) });
  });
  await settle();
  assert.deepEqual(
    heard.map((frame) => frame.type),
    ['abort', 'pong'],
  );
  void left.close();
});
