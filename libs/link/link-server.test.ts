import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import WebSocket from 'ws';
import { AppError, isAppError, systemRandom } from '#runtime';
import { firstHeader, firstMessageBytes, firstPrologue, linkVersions, sealFirstMessage } from './first-message.ts';
import { dialDoor, dialLink, doorMsMax } from './link-dialer.ts';
import { encodeHello } from './link-messages.ts';
import { helloOf } from './link-settings.ts';
import { NoiseHandshake } from './noise-handshake.ts';
import { SimulatedTime, settle } from './testing/simulated-time.ts';
import { pairUp, type TestSite, testSite } from './testing/two-sites.ts';
import { generateKeyPair } from './x25519.ts';

const quiet = () => undefined;

/** Opens a bare WebSocket and resolves with what the server does: the frames that it sends, and how it closes. */
function stranger(site: TestSite, frames: readonly (Uint8Array | string)[], path = '/link/v1') {
  const webSocket = new WebSocket(`ws://${site.address}${path}`);
  const heard: Buffer[] = [];
  const { promise, resolve } = Promise.withResolvers<{ readonly heard: Buffer[]; readonly code: number }>();
  webSocket.on('message', (data: Buffer) => heard.push(data));
  webSocket.on('open', () => {
    for (const frame of frames) webSocket.send(frame);
  });
  webSocket.on('error', () => undefined);
  webSocket.on('close', (code) => resolve({ heard, code }));
  return { webSocket, outcome: promise };
}

/** A correct first message from `left` to `right`, as anybody on the line could record it. */
function recordedFirstMessage(left: TestSite, right: TestSite, psk: Uint8Array): Uint8Array {
  const header = firstHeader('control', linkVersions, psk);
  const noise = NoiseHandshake.initiator({
    pattern: 'IKpsk2',
    prologue: firstPrologue(header),
    staticKeyPair: left.staticKeyPair,
    remoteStatic: right.staticKeyPair.publicKey,
    psk,
  });
  const hello = encodeHello({ ...helloOf(left.settings), version: 0, versionMin: 1, versionMax: 1 });
  return sealFirstMessage(header, psk, noise.writeMessage(hello));
}

test('the first message has the length that LINK.md says', () => {
  assert.deepEqual(
    [firstMessageBytes('control'), firstMessageBytes('data'), firstMessageBytes('door')],
    [316, 316, 76],
  );
});

test('a stranger is closed without a word, whatever he sends', async () => {
  await using left = await testSite();
  await using right = await testSite();
  const { leftPair } = pairUp(left, right);
  const good = recordedFirstMessage(left, right, leftPair.psk);
  const flipped = new Uint8Array(good);
  flipped[200] = flipped[200]! ^ 1;
  const attempts: (Uint8Array | string)[] = [
    systemRandom.bytes(316),
    good.subarray(0, 315),
    Buffer.concat([good, Buffer.alloc(1)]),
    flipped,
    new Uint8Array(0),
    'hello',
    systemRandom.bytes(5000),
    recordedFirstMessage(left, right, systemRandom.bytes(32)),
  ];
  for (const attempt of attempts) {
    const { heard, code } = await stranger(right, [attempt]).outcome;
    assert.deepEqual(heard, []);
    assert.ok(code === 1006 || code === 1009, String(code));
  }
  assert.equal(right.links.length, 0);
  assert.equal(right.server.strangerCount, 0);
  assert.deepEqual(right.refused, []);
});

test('two messages before the answer are one too many', async () => {
  await using left = await testSite();
  await using right = await testSite();
  const { leftPair } = pairUp(left, right);
  const good = recordedFirstMessage(left, right, leftPair.psk);
  await stranger(right, [good, good, good]).outcome;
  assert.equal(right.links.length, 0);
});

test('a recorded first message makes no link, and a second time not even an answer', async () => {
  await using left = await testSite();
  await using right = await testSite({ limits: { perAddressMax: 5, allMax: 5, timeoutMs: 300, penaltyMs: 0 } });
  const { leftPair } = pairUp(left, right);
  const recorded = recordedFirstMessage(left, right, leftPair.psk);
  const first = await stranger(right, [recorded]).outcome;
  assert.equal(first.heard.length, 1);
  const second = await stranger(right, [recorded]).outcome;
  assert.deepEqual(second.heard, []);
  assert.equal(right.links.length, 0);
});

test('a WebSocket ping of a stranger is not answered', async () => {
  await using right = await testSite();
  const { webSocket } = stranger(right, []);
  await new Promise((resolve) => webSocket.on('open', resolve));
  let answered = false;
  webSocket.on('pong', () => {
    answered = true;
  });
  webSocket.ping();
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(answered, false);
  webSocket.terminate();
});

test('whoever says nothing, or says it slowly, is cut off after ten seconds', async () => {
  const time = new SimulatedTime();
  await using right = await testSite({ settings: { clock: time, timers: time } });
  const port = Number(right.address.split(':')[1]);
  const closed: string[] = [];
  const open = (name: string, write: string) =>
    new Promise<void>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => {
        if (write !== '') socket.write(write);
        resolve();
      });
      socket.on('error', () => undefined);
      socket.on('close', () => closed.push(name));
    });
  await open('says nothing', '');
  await open('half a request', 'GET /link/v1 HTTP/1.1\r\nHost: x\r\nX-Slow: ');
  const upgraded = stranger(right, []);
  await new Promise((resolve) => upgraded.webSocket.on('open', resolve));
  while (right.server.strangerCount < 3) await settle();
  await time.advance(9_900);
  assert.deepEqual(closed, []);
  await time.advance(200);
  assert.equal((await upgraded.outcome).code, 1006);
  while (closed.length < 2) await settle();
  assert.equal(right.server.strangerCount, 0);
});

test('strangers beyond the limit of an address are cut off at once; the known stay', async () => {
  await using left = await testSite();
  await using right = await testSite({ limits: { perAddressMax: 3, allMax: 10, timeoutMs: 60_000, penaltyMs: 0 } });
  const { leftPair } = pairUp(left, right);
  const link = await dialLink(right.address, leftPair, left.settings, quiet);
  const kept = [stranger(right, []), stranger(right, []), stranger(right, [])];
  await Promise.all(kept.map(({ webSocket }) => new Promise((resolve) => webSocket.on('open', resolve))));
  assert.equal((await stranger(right, []).outcome).code, 1006);
  assert.equal(right.server.strangerCount, 3);
  kept[0]?.webSocket.terminate();
  while (right.server.strangerCount === 3) await settle();
  const next = stranger(right, []);
  await new Promise((resolve) => next.webSocket.on('open', resolve));
  assert.equal(link.dataConnectionCount, 1);
});

test('other paths and plain requests get nothing of the link', async () => {
  await using right = await testSite();
  assert.equal((await stranger(right, [], '/other').outcome).code, 1006);
  const response = await fetch(`http://${right.address}/link/v1`);
  assert.equal(response.status, 404);
});

test('a wrong psk, a wrong static key at either end, and another site under the right keys are refused', async () => {
  await using left = await testSite();
  await using right = await testSite();
  const { leftPair } = pairUp(left, right);
  const failed = (error: unknown) => isAppError(error, 'handshake_failed');
  const wrongPsk = { ...leftPair, psk: systemRandom.bytes(32) };
  await assert.rejects(dialLink(right.address, wrongPsk, left.settings, quiet), failed);
  const wrongPeer = { ...leftPair, peerStaticPublic: generateKeyPair().publicKey };
  await assert.rejects(dialLink(right.address, wrongPeer, left.settings, quiet), failed);
  const otherKey = {
    ...left.settings,
    identity: () => ({ ...left.settings.identity(), staticKeyPair: generateKeyPair() }),
  };
  await assert.rejects(dialLink(right.address, leftPair, otherKey, quiet), failed);
  const otherSite = {
    ...left.settings,
    identity: () => ({ ...left.settings.identity(), siteId: systemRandom.bytes(16) }),
  };
  await assert.rejects(dialLink(right.address, leftPair, otherSite, quiet));
  const expectedOther = { ...leftPair, peerSiteId: systemRandom.bytes(16) };
  await assert.rejects(dialLink(right.address, expectedOther, left.settings, quiet), failed);
  assert.equal(right.links.filter((link) => link.dataConnectionCount > 0).length, 0);
  // Who knows the psk and still fails is a case for the admin; who does not is not even noise in the log.
  assert.ok(right.refused.length >= 2 && right.refused.length <= 4);
});

test('ends that share no version say so, each in its own words', async () => {
  for (const [ours, theirs, code, otherCode] of [
    [{ min: 1, max: 1 }, { min: 2, max: 3 }, 'version_too_old', 'version_too_new'],
    [{ min: 4, max: 5 }, { min: 2, max: 3 }, 'version_too_new', 'version_too_old'],
  ] as const) {
    await using left = await testSite({ versions: ours });
    await using right = await testSite({ versions: theirs });
    const { leftPair } = pairUp(left, right);
    await assert.rejects(dialLink(right.address, leftPair, left.settings, quiet), (error) => {
      assert(isAppError(error, code));
      assert.match(error.advice, /Upgrade/);
      return true;
    });
    while (right.refused.length === 0) await settle();
    assert.equal(right.refused[0]?.code, otherCode);
  }
});

test('ends that are one version apart speak the older', async () => {
  await using left = await testSite({ versions: { min: 1, max: 2 } });
  await using right = await testSite({ versions: { min: 2, max: 3 } });
  const { leftPair } = pairUp(left, right);
  const link = await dialLink(right.address, leftPair, left.settings, quiet);
  assert.equal(link.version, 2);
  assert.equal(right.links[0]?.version, 2);
});

test('a door opens for its secret and purpose only, and both ends prove the same session', async () => {
  await using left = await testSite();
  await using right = await testSite();
  const psk = systemRandom.bytes(32);
  right.doors.push({ psk, purpose: 'pairing' });
  const failed = (error: unknown) => isAppError(error, 'handshake_failed');
  const wrong = { psk: systemRandom.bytes(32), purpose: 'pairing' } as const;
  await assert.rejects(dialDoor(right.address, wrong, left.settings), failed);
  await assert.rejects(dialDoor(right.address, { psk, purpose: 'rebuild' }, left.settings), failed);
  assert.equal(right.opened.length, 0);

  const session = await dialDoor(right.address, { psk, purpose: 'pairing' }, left.settings);
  while (right.opened.length === 0) await settle();
  const [other] = right.opened;
  assert.ok(other);
  assert.deepEqual(session.handshakeHash, other.handshakeHash);
  assert.deepEqual(session.chainingKey, other.chainingKey);
  assert.deepEqual(session.remoteStatic, right.staticKeyPair.publicKey);
  assert.deepEqual(other.remoteStatic, left.staticKeyPair.publicKey);
  assert.deepEqual(other.hello.siteId, left.siteId);
  other.mux.serve('pair', async (channel) => {
    await channel.send((await channel.receive()) ?? new Uint8Array(0));
    throw new AppError('not confirmed', { code: 'pairing_refused', advice: 'Ask again.' });
  });
  const channel = session.mux.open('pair');
  await channel.send(Buffer.from('six words'));
  assert.equal(String(Buffer.from((await channel.receive()) ?? [])), 'six words');
  await assert.rejects(channel.receive(), (error) => isAppError(error, 'pairing_refused'));
  void session.mux.close();
});

test('a door closes by itself on whoever came through and says nothing', async () => {
  const time = new SimulatedTime();
  await using left = await testSite();
  await using right = await testSite({ settings: { timers: time, heartbeat: { intervalMs: 1e9, deadAfterMs: 2e9 } } });
  const psk = systemRandom.bytes(32);
  right.doors.push({ psk, purpose: 'pairing' });
  const session = await dialDoor(right.address, { psk, purpose: 'pairing' }, left.settings);
  while (right.opened.length === 0) await settle();
  const [other] = right.opened;
  other?.mux.serve('introduce', async (channel) => void (await channel.receive()));
  const channel = session.mux.open('introduce');
  await time.advance(doorMsMax - 1);
  assert.equal(other?.mux.channelCount, 1);
  await time.advance(1);
  assert.equal((await session.mux.closed).code, 'door_timed_out');
  assert.equal(other?.mux.channelCount, 0);
  await assert.rejects(channel.receive());
});

test('a first message for a link that is over opens nothing', async () => {
  await using left = await testSite();
  await using right = await testSite();
  const { leftPair } = pairUp(left, right);
  const link = await dialLink(right.address, leftPair, left.settings, quiet);
  void link.close();
  await right.links[0]?.closed;
  const data = firstHeader('data', linkVersions, link.dataPair.psk);
  const noise = NoiseHandshake.initiator({
    pattern: 'IKpsk2',
    prologue: firstPrologue(data),
    staticKeyPair: left.staticKeyPair,
    remoteStatic: right.staticKeyPair.publicKey,
    psk: link.dataPair.psk,
  });
  const hello = encodeHello({ ...helloOf(left.settings), version: 0, versionMin: 1, versionMax: 1 });
  const first = sealFirstMessage(data, link.dataPair.psk, noise.writeMessage(hello));
  assert.deepEqual((await stranger(right, [first]).outcome).heard, []);
});

test('after the handshake a changed or oversized frame cuts the connection', async () => {
  await using left = await testSite();
  await using right = await testSite();
  const { leftPair } = pairUp(left, right);
  const link = await dialLink(right.address, leftPair, left.settings, quiet);
  const raw = right.liveSockets();
  assert.equal(raw.length, 2);
  // A WebSocket frame of the server's own, of 20 bytes that no key made.
  raw[0]?.write(Buffer.concat([Uint8Array.of(0x82, 20), systemRandom.bytes(20)]));
  raw[1]?.write(Buffer.concat([Uint8Array.of(0x82, 20), systemRandom.bytes(20)]));
  assert.equal((await link.closed).code, 'connection_lost');
});
