import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isAppError, systemTimers } from '#runtime';
import { muxPair, serveEcho } from './testing/mux-pair.ts';
import { acceptTrustedWebSocket } from './websocket-accept.ts';
import type { WebSocketConduit } from './websocket-conduit.ts';
import { dialUnixWebSocket, linkUrl } from './websocket-dial.ts';

/** Two conduits over a Unix socket, as control.sock has them. */
async function unixPair() {
  const folder = mkdtempSync(join(tmpdir(), 'link-'));
  const path = join(folder, 'control.sock');
  const http = createServer();
  const sockets: Socket[] = [];
  const accepted = Promise.withResolvers<WebSocketConduit>();
  http.on('connection', (socket) => sockets.push(socket));
  http.on('upgrade', (request, socket, head) =>
    acceptTrustedWebSocket({ request, socket, head }, systemTimers, accepted.resolve),
  );
  await new Promise<void>((resolve) => http.listen(path, resolve));
  const left = await dialUnixWebSocket(path, '/client/v1', { timers: systemTimers, timeoutMs: 5000 });
  const right = await accepted.promise;
  return {
    left,
    right,
    sockets,
    async [Symbol.asyncDispose]() {
      left.destroy('done');
      right.destroy('done');
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => http.close(resolve));
      rmSync(folder, { recursive: true });
    },
  };
}

test('a mux runs over a plain WebSocket on a Unix socket', async () => {
  await using pair = await unixPair();
  const { left, right } = muxPair(pair);
  serveEcho(right);
  await using channel = left.open('echo');
  for (const length of [0, 1, 70_000, 5_000_000]) {
    await channel.send(new Uint8Array(length).fill(3));
    const reply = await channel.receive();
    assert.ok(reply?.length === length && reply.every((byte) => byte === 3));
  }
  await channel.end();
  await channel.closed;
  await left.close();
  assert.equal((await right.closed).code, 'link_closed');
});

test('a sender stops when the reader does, and goes on with it', async () => {
  await using pair = await unixPair();
  let drained = 0;
  pair.left.attach({ frame: () => undefined, drain: () => (drained += 1) });
  const frame = new Uint8Array(60_000);
  let sent = 0;
  while (pair.left.send([frame])) sent += 1;
  assert.ok(sent < 200, `${sent} frames went to nobody`);
  let received = 0;
  pair.right.attach({ frame: () => (received += 1), drain: () => undefined });
  while (received < sent + 1 || drained === 0) await new Promise((resolve) => setTimeout(resolve, 2));
  assert.ok(pair.left.send([frame]));
  assert.equal(pair.left.bytesSent, (sent + 2) * 60_008);
});

test('what arrives while nobody is attached waits in order', async () => {
  await using pair = await unixPair();
  for (let index = 0; index < 50; index += 1) pair.left.send([Uint8Array.of(index)]);
  await new Promise((resolve) => setTimeout(resolve, 20));
  const heard: number[] = [];
  await new Promise<void>((resolve) => {
    const receiver = {
      frame(bytes: Uint8Array) {
        heard.push(bytes[0] ?? -1);
        // Detaching and attaching in the middle changes nothing.
        pair.right.attach(undefined);
        pair.right.attach(receiver);
        if (heard.length === 50) resolve();
      },
      drain: () => undefined,
    };
    pair.right.attach(receiver);
  });
  assert.deepEqual(heard, [...Array(50).keys()]);
});

test('text, and frames above 64 KiB, cut a trusted conduit too', async () => {
  for (const frame of [Buffer.from([0x81, 1, 0x61]), Buffer.from([0x82, 127, 0, 0, 0, 0, 0, 2, 0, 0])]) {
    await using pair = await unixPair();
    pair.left.attach({ frame: () => assert.fail('a frame came'), drain: () => undefined });
    pair.sockets[0]?.write(frame);
    assert.notEqual(await pair.left.closed, 'the other end closed it');
  }
});

test('close() lets go what was sent before; destroy() does not wait', async () => {
  await using pair = await unixPair();
  let received = 0;
  pair.right.attach({ frame: () => (received += 1), drain: () => undefined });
  for (let index = 0; index < 10; index += 1) pair.left.send([new Uint8Array(60_000)]);
  pair.left.close();
  assert.equal(await pair.left.closed, 'this end closed it');
  assert.equal(await pair.right.closed, 'the other end closed it');
  assert.equal(received, 10);
  assert.equal(pair.left.send([new Uint8Array(1)]), false);
});

test('a socket that nobody listens on is a retryable dial_failed', async () => {
  await assert.rejects(
    dialUnixWebSocket('/nonexistent/control.sock', '/client/v1', { timers: systemTimers, timeoutMs: 5000 }),
    (error) => isAppError(error, 'dial_failed') && error.retryable,
  );
});

test('addresses become URLs of the link, or a clear error', () => {
  const urls = {
    'site-b.example': 'ws://site-b.example:7400/link/v1',
    'site-b.example:99': 'ws://site-b.example:99/link/v1',
    '10.1.2.3:7400': 'ws://10.1.2.3:7400/link/v1',
    '[fd00::1]:7400': 'ws://[fd00::1]:7400/link/v1',
    'wss://proxy.example/site-b/': 'wss://proxy.example/site-b/link/v1',
    'ws://proxy.example:8080': 'ws://proxy.example:8080/link/v1',
  };
  for (const [address, url] of Object.entries(urls)) assert.equal(String(linkUrl(address)), url);
  for (const address of ['', 'a b', 'http://x', 'user@host', 'host:99999', '::1:7400', 'host?x', 'ws://']) {
    assert.throws(
      () => linkUrl(address),
      (error) => isAppError(error, 'address_invalid'),
      address,
    );
  }
});
