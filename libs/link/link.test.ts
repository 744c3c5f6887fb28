import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAppError } from '#runtime';
import { type Channel, MuxChannel } from './channel.ts';
import type { Link } from './link.ts';
import { dialLink } from './link-dialer.ts';
import { defaultSocketTuning } from './tcp-line.ts';
import { serveEcho } from './testing/mux-pair.ts';
import { pairUp, testSite } from './testing/two-sites.ts';

const quiet = () => undefined;

async function roundTrip(link: Link, channelClass: 'control' | 'bulk', length = 100): Promise<void> {
  await using channel = await link.open('echo', channelClass);
  const message = new Uint8Array(length).fill(7);
  await channel.send(message);
  const reply = await channel.receive();
  assert.deepEqual(reply && new Uint8Array(reply), message);
  await channel.end();
}

test('either end opens channels of both classes over one link', async () => {
  await using left = await testSite();
  await using right = await testSite();
  const { leftPair } = pairUp(left, right);
  right.onLink = serveEcho;
  const link = await dialLink(right.address, leftPair, left.settings, serveEcho);
  const [accepted] = right.links;
  assert.ok(accepted);
  await accepted.whenUp();
  for (const end of [link, accepted]) {
    await roundTrip(end, 'control');
    await roundTrip(end, 'bulk', 3_000_000);
  }
  assert.deepEqual(link.handshakeHash, accepted.handshakeHash);
  assert.deepEqual([link.peer.siteId, accepted.peer.siteId], [right.siteId, left.siteId]);
  assert.equal(link.peer.software, '0.1.0-test');
  assert.ok(Math.abs(link.peer.clockSkewSeconds) <= 1);
  assert.ok(link.bytesSent > 6_000_000 && link.bytesReceived > 6_000_000);
  assert.equal(right.server.strangerCount, 0);
});

test('bulk channels are spread over the data connections', async () => {
  await using left = await testSite({ settings: { dataConnections: 3 } });
  await using right = await testSite();
  const { leftPair } = pairUp(left, right);
  right.onLink = (link) => link.serve('wait', async (channel) => void (await channel.receive()));
  const link = await dialLink(right.address, leftPair, left.settings, quiet);
  const [accepted] = right.links;
  while (link.dataConnectionCount < 3 || accepted?.dataConnectionCount !== 3) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const channels = await Promise.all(Array.from({ length: 6 }, () => link.open('wait', 'bulk')));
  assert.equal(right.links.length, 1);
  await Promise.all(channels.map((channel) => channel.end()));
  await Promise.all(channels.map((channel) => channel.closed));
});

test('a service is opened on each data connection, those that come later too, and the line is counted', async () => {
  await using left = await testSite({ settings: { dataConnections: 3, sockets: defaultSocketTuning } });
  await using right = await testSite();
  const { leftPair } = pairUp(left, right);
  right.onLink = serveEcho;
  const link = await dialLink(right.address, leftPair, left.settings, quiet);
  const stop = new AbortController();
  const channels: Channel[] = [];
  link.openOnEach('echo', { trafficClass: 'seed' }, stop.signal, (channel) => channels.push(channel));
  const until = async (count: number) => {
    while (channels.length < count) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  await until(3);
  right.liveSockets().at(-1)?.destroy();
  await until(4);
  stop.abort();
  const last = channels.at(-1);
  await last?.send(new Uint8Array(100_000));
  assert.deepEqual([(await last?.receive())?.length, last?.trafficClass], [100_000, 'seed']);
  const wire = link.wire();
  assert.ok(wire.sentBytes > 100_000 && wire.receivedBytes > 100_000);
  assert.equal(wire.connections.filter(({ kind }) => kind === 'data').length, 3);
  assert.ok(link.socketNotes.every((note) => note.length > 10));
});

test('100 MB of bulk and a control round trip served all the while', { timeout: 60_000 }, async () => {
  await using left = await testSite();
  await using right = await testSite();
  const { leftPair } = pairUp(left, right);
  let receivedBytes = 0;
  right.onLink = (link) => {
    serveEcho(link);
    link.serve('sink', async (channel) => {
      for (let message = await channel.receive(); message; message = await channel.receive())
        receivedBytes += message.length;
    });
  };
  const link = await dialLink(right.address, leftPair, left.settings, quiet);
  const bulk = await link.open('sink', 'bulk');
  const record = new Uint8Array(500_000);
  let pouring = true;
  const poured = (async () => {
    for (let index = 0; index < 200; index += 1) await bulk.send(record);
    await bulk.end();
    await bulk.closed;
    pouring = false;
  })();
  let served = 0;
  let worstBehindBytes = 0;
  while (pouring) {
    const before = bulk.bytesSent;
    await roundTrip(link, 'control');
    worstBehindBytes = Math.max(worstBehindBytes, bulk.bytesSent - before);
    served += 1;
  }
  await poured;
  assert.equal(receivedBytes, 100_000_000);
  assert.ok(served >= 10, `${served} round trips`);
  assert.ok(worstBehindBytes < 20_000_000, `${worstBehindBytes} bulk bytes went during one round trip`);
});

test('a lost data connection aborts its channels as retryable, and is dialled again', async () => {
  await using left = await testSite();
  await using right = await testSite();
  const { leftPair } = pairUp(left, right);
  right.onLink = serveEcho;
  const link = await dialLink(right.address, leftPair, left.settings, quiet);
  const channel = await link.open('echo', 'bulk');
  right.liveSockets()[1]?.destroy();
  await assert.rejects(channel.receive(), (error) => isAppError(error, 'connection_lost') && error.retryable);
  await roundTrip(link, 'control');
  await roundTrip(link, 'bulk');
  assert.equal(right.liveSockets().length, 2);
  assert.equal(right.links.length, 1);
});

test('losing the control connection ends the link at both ends', async () => {
  await using left = await testSite();
  await using right = await testSite();
  const { leftPair } = pairUp(left, right);
  const link = await dialLink(right.address, leftPair, left.settings, quiet);
  right.cutAllSockets();
  assert.equal((await link.closed).code, 'connection_lost');
  assert.ok(right.links[0]);
  assert.equal((await right.links[0].closed).code, 'connection_lost');
  await assert.rejects(link.open('echo', 'bulk'), (error) => isAppError(error, 'connection_lost'));
});

test('closing a link tells the other end why', async () => {
  await using left = await testSite();
  await using right = await testSite();
  const { leftPair } = pairUp(left, right);
  const link = await dialLink(right.address, leftPair, left.settings, quiet);
  right.server.close();
  const reason = await link.closed;
  assert.deepEqual([reason.code, reason.message], ['link_closed', 'this site shuts down']);
});

test('closing a link ends a transfer on a data connection before it returns', async () => {
  await using left = await testSite();
  await using right = await testSite();
  const { leftPair } = pairUp(left, right);
  const sinks: MuxChannel[] = [];
  let messages = 0;
  right.onLink = (link) =>
    link.serve('sink', async (channel) => {
      assert.ok(channel instanceof MuxChannel);
      sinks.push(channel);
      while (await channel.receive()) messages += 1;
    });
  const link = await dialLink(right.address, leftPair, left.settings, quiet);
  const bulk = await link.open('sink', 'bulk');
  const pour = async () => {
    for (;;) await bulk.send(new Uint8Array(100_000));
  };
  const cut = assert.rejects(pour());
  while (messages < 3) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(sinks[0]?.over, false);
  void right.links[0]?.close();
  assert.equal(sinks[0]?.over, true);
  await cut;
});
