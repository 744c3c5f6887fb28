import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { AppError, systemRandom } from '#runtime';

import { pairInProcess, until, WorldSite, worldFolder, writeTree } from './hostile-world.ts';
import { Liar } from './liar.ts';
import { firstHeader, heardUntilClosed, RawPeer, strangerSocket } from './raw-peer.ts';
import { guessAtDoors, halves, strangerAt } from './strangers.ts';

const folder = worldFolder();
let north: WorldSite;
let south: WorldSite;

before(async () => {
  north = await WorldSite.start(folder.path, 'north');
  south = await WorldSite.start(folder.path, 'south');
  await pairInProcess(north, south);
  await north.appliance.operations.pairInvite({ addresses: [], role: 'full' });
});

after(async () => {
  for (const site of [north, south]) await site[Symbol.asyncDispose]();
  folder.remove();
});

test('guesses of every door, and first messages of any other kind, are answered by no byte and stand in no log', async () => {
  const lines = north.log.length;
  await guessAtDoors(north.address);
  assert.deepEqual(north.warningsSince(lines), []);
});

test('seventeen connections of one address are one too many, and it may come again a second later', async () => {
  const port = Number(north.address.split(':').at(-1));
  const sockets = Array.from({ length: 40 }, () => strangerAt(port, 3, ''));
  await until(() => sockets.filter((socket) => socket.destroyed).length === 24, 'what is too much to be cut off');
  for (const socket of sockets) socket.destroy();
});

test('who only saw a pair talk, and sends its hint or its very first message again, gets no answer either', async () => {
  const liar = new Liar(south, north);
  const lines = north.log.length;
  const header = firstHeader(1, 0, liar.pair.psk);
  const guessed = Buffer.concat([header, systemRandom.bytes(316 - header.length)]);
  const honest = await RawPeer.knock(liar.raw);
  await honest.answered();
  honest.end();
  for (const message of [guessed, honest.firstMessage]) {
    const webSocket = await strangerSocket(north.address, '127.0.9.77');
    const heard = heardUntilClosed(webSocket);
    webSocket.send(message);
    assert.deepEqual(await heard, []);
  }
  // The one that was answered and went away is told; those who came after it are nobody.
  await until(() => north.warningsSince(lines).length > 0, 'the one that did not confirm');
  assert.equal(north.warningsSince(lines).length, 1);
});

test('hundreds of strangers who stop half-way keep a peer out neither of its link nor of its copy', async () => {
  const port = Number(north.address.split(':').at(-1));
  const sockets: Socket[] = [];
  for (let i = 0; i < 500; i++) sockets.push(strangerAt(port, i, halves[i % halves.length] ?? ''));
  const open = () => sockets.filter((socket) => !socket.destroyed).length;
  const startedMs = performance.now();
  await until(() => open() <= 128, 'all but 128 strangers to be cut off');
  assert.ok(performance.now() - startedMs < 8000, 'those too many are cut off at once, and not when their time is up');
  const { siteId } = north.appliance.identity;
  await south.appliance.links.drop(siteId, new AppError('lost', { code: 'link_lost', retryable: true, advice: '' }));
  for (let i = 500; i < 700; i++) sockets.push(strangerAt(port, i, halves[i % halves.length] ?? ''));
  south.appliance.links.keep(siteId);
  await until(() => south.appliance.links.link(siteId) !== undefined, 'the link');
  const { id } = await north.backUp(writeTree(`${folder.path}/tree`, 'in spite of them'), 'tree');
  await until(() => north.copiesOf(id).includes('south'), 'the copy');
  for (const socket of sockets) socket.destroy();
  north.assertNoBugs();
});
