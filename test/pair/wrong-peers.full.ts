import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { WebSocket } from 'ws';
import { systemTimers } from '#runtime';
import { pairSites, TestSite, testFolder, until, untilLinked } from '../kit/test-site.ts';

const root = testFolder('wrong-peers');
const tree = join(root.path, 'tree');
let north: TestSite;
let south: TestSite;
let address: { readonly host: string; readonly port: number };

before(async () => {
  north = await TestSite.init(root.path, 'north');
  south = await TestSite.init(root.path, 'south');
  const [host = '', port] = (await north.serve()).split(':');
  address = { host, port: Number(port) };
  await south.serve();
  mkdirSync(tree);
  writeFileSync(join(tree, 'file'), 'content '.repeat(10_000));
});

after(async () => {
  await Promise.all([north.kill(), south.kill()]);
  root[Symbol.dispose]();
});

// LINK.md section 2: so many of one address at a time, those that ended unknown for 1 s longer. One more is cut off unheard.
const strangersMax = 16;
const untilForgotten = () => systemTimers.sleep(1200);

/** Says something to north's port as a stranger, hears it out for a moment, and hangs up; returns what it answered. */
async function say(bytes: Uint8Array | string): Promise<string> {
  const socket = connect(address);
  const heard: Buffer[] = [];
  socket.on('data', (part: Buffer) => heard.push(part)).on('error', () => undefined);
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.write(bytes);
  await Promise.race([closed, systemTimers.sleep(100)]);
  socket.destroy();
  await closed;
  return Buffer.concat(heard).toString('latin1');
}

function sayBlobs(count: number): Promise<string[]> {
  return Promise.all(Array.from({ length: count }, () => say(randomBytes(1 + Math.floor(Math.random() * 5000)))));
}

/** What is logged at level error or worse, or is no line of the log at all: a stack, a warning of Node's. */
function complaints(site: TestSite): string[] {
  const [, , ...lines] = site.log().trimEnd().split('\n');
  return lines.filter((line) => !line.startsWith('{') || (JSON.parse(line) as { level: number }).level >= 50);
}

/** As large in memory as this, in bytes. */
function residentBytes(site: TestSite): number {
  const kib = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${site.pid}/status`, 'utf8'))?.[1];
  return Number(kib) * 1024;
}

test('garbage, plain HTTP, TLS and WebSockets of strangers harm nothing, and fill neither memory nor log', async () => {
  const before = residentBytes(north);
  for (const count of [strangersMax, strangersMax, 100 - 2 * strangersMax]) {
    await sayBlobs(count);
    await untilForgotten();
  }
  await say(Buffer.alloc(3_000_000, 'x'));
  for (const request of [
    'GET / HTTP/1.1\r\nHost: north\r\n\r\n',
    'POST /link/v1 HTTP/1.1\r\nContent-Length: 9\r\n\r\n',
  ])
    assert.doesNotMatch(await say(request), /^HTTP\/1\.1 [12]/);
  const tls = connectTls({ ...address, rejectUnauthorized: false });
  await assert.rejects(once(tls, 'secureConnect'));
  for (const first of [randomBytes(316), 'text', Buffer.alloc(0), randomBytes(60_000)]) {
    const webSocket = new WebSocket(`ws://${address.host}:${address.port}/link/v1`);
    const closed = once(webSocket, 'close');
    let answers = 0;
    webSocket.on('message', () => answers++).on('error', () => undefined);
    await once(webSocket, 'open');
    webSocket.send(first);
    await closed;
    assert.equal(answers, 0, 'a stranger is answered nothing');
  }
  assert.deepEqual(complaints(north), []);
  assert.ok(north.log().split('\n').length < 60, `the log fills:\n${north.log()}`);
  assert.ok(residentBytes(north) - before < 100_000_000);
  await north.ok('catalog', 'digest');
});

test('after all of that two sites pair, replicate and restore as if nothing had been', async () => {
  await pairSites(north, south, `${address.host}:${address.port}`);
  await north.ok('backup', tree, '--dataset', 'docs');
  await north.ok('replicate');
  await south.ok('restore', 'north/docs@latest', '--to', join(root.path, 'restored'));
  assert.deepEqual(readFileSync(join(root.path, 'restored', 'file')), readFileSync(join(tree, 'file')));
});

test("a site of another realm at a peer's address gets no link and no bytes; the peer itself is welcome again", async () => {
  const peerOfSouth = async () => (await south.api.call('pairList', {}))[0];
  await north.stop();
  await using stranger = await TestSite.init(root.path, 'stranger');
  await stranger.serve(address.port);
  await until(async () => {
    const peer = await peerOfSouth();
    return peer?.link === 'down' && !/ECONNREFUSED|shut/.test(peer.linkDetail);
  }, 'south to have dialled the stranger');
  const peer = await peerOfSouth();
  assert.ok(peer !== undefined && peer.linkDetail.length > 10, peer?.linkDetail ?? 'no peer');
  assert.deepEqual(await stranger.json('snapshots'), []);
  assert.deepEqual(await stranger.json('pair', 'list'), []);
  for (const site of [south, stranger]) assert.deepEqual(complaints(site), []);
  await stranger.stop();

  await north.serve(address.port);
  await Promise.all([north, south].map(untilLinked));
  writeFileSync(join(tree, 'file'), 'other content '.repeat(10_000));
  await north.ok('backup', tree, '--dataset', 'docs');
  await north.ok('replicate');
});
