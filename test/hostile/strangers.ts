import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { systemRandom, systemTimers } from '#runtime';
import { pairSites, TestSite, testFolder, until, untilHeldBy, untilLinked } from '../kit/test-site.ts';
import { writeTree } from './hostile-world.ts';
import { firstHeader, heardUntilClosed, sealFirst, strangerSocket } from './raw-peer.ts';

const upgrade =
  'GET /link/v1 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
  'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n';

/** How far a stranger goes before it says nothing more. */
export const halves: readonly string[] = ['', 'G', 'GET /link/v1 HTTP/1.1\r\nHost: x\r\nX-Slow: ', upgrade];

/** Nothing that a stranger sends in one message is answered by a byte of the link. */
const firstMessages: Readonly<Record<string, () => Uint8Array>> = {
  'the right length, random bytes': () => systemRandom.bytes(316),
  'a guessed invitation': () => guess(3, 1, 48),
  "a guessed agent's invitation": () => guess(3, 3, 48),
  'a guessed door of a site that is rebuilt': () => guess(3, 2, 48),
  'a guessed pair': () => guess(1, 0, 288),
  'a guessed data connection': () => guess(2, 0, 288),
  'a door of no purpose': () => guess(3, 0, 48),
  'a purpose where none belongs': () => guess(1, 2, 288),
  'versions in the wrong order': () => guess(1, 0, 288, [9, 1]),
  'no version of ours, by somebody unknown': () => guess(1, 0, 288, [200, 255]),
  'one byte': () => new Uint8Array(1),
  'no byte': () => new Uint8Array(0),
  'one byte too long': () => systemRandom.bytes(317),
  '4096 bytes': () => systemRandom.bytes(4096),
  '4097 bytes': () => systemRandom.bytes(4097),
};

function guess(entry: number, purpose: number, noiseBytes: number, versions?: number[]): Buffer {
  const psk = systemRandom.bytes(32);
  return sealFirst(firstHeader(entry, purpose, psk, versions), psk, systemRandom.bytes(noiseBytes));
}

const openFiles = (pid: number) => readdirSync(`/proc/${pid}/fd`).length;
const residentBytes = (pid: number) =>
  Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;

/** Each kind of first message; what is not from a peer gets no byte of an answer. */
export async function guessAtDoors(address: string): Promise<void> {
  let index = 0;
  for (const [name, make] of Object.entries(firstMessages)) {
    index += 1;
    const webSocket = await strangerSocket(address, `127.0.9.${index}`);
    const heard = heardUntilClosed(webSocket);
    webSocket.send(make());
    assert.deepEqual(await heard, [], name);
  }
}

/** Of one of many addresses of loopback, never the one that honest sites come from. */
export function strangerAt(port: number, index: number, text: string): Socket {
  const localAddress = `127.${1 + (index % 40)}.${index % 200}.${2 + (index % 251)}`;
  const socket = connect({ host: '127.0.0.1', port, localAddress });
  socket.on('error', () => undefined);
  socket.resume();
  socket.on('connect', () => socket.write(text));
  return socket;
}

/**
 * `count` connections that stop half-way, `held` at a time, from thousands of addresses; between them every kind of first
 * message. The site that they come to takes no more memory and files than it may, and meanwhile its peer dials, is let in,
 * and gets a snapshot.
 */
export async function strangersAtTheDoor(count: number, held: number): Promise<string> {
  using root = testFolder('strangers');
  await using north = await TestSite.init(root.path, 'north');
  await using south = await TestSite.init(root.path, 'south');
  const address = await north.serve();
  await south.serve();
  await pairSites(north, south, address);
  await north.json('pair', 'invite');
  await north.json('agent', 'invite', 'laptop');
  const { pid } = north;
  assert.ok(pid !== undefined);
  const before = { files: openFiles(pid), bytes: residentBytes(pid) };

  await guessAtDoors(address);

  const port = Number(address.split(':').at(-1));
  const sockets: Socket[] = [];
  let [most, largest] = [0, 0];
  let stop = false;
  const flood = (async () => {
    for (let i = 0; i < count && !stop; i++) {
      sockets.push(strangerAt(port, i, halves[i % halves.length] ?? ''));
      if (sockets.length > held) sockets.shift()?.destroy();
      if (i % 50 === 49) {
        await systemTimers.sleep(5);
        most = Math.max(most, openFiles(pid));
        largest = Math.max(largest, residentBytes(pid));
      }
    }
  })();
  await south.stop();
  await south.serve();
  await untilLinked(south);
  await north.ok('backup', writeTree(`${root.path}/tree`, 'in spite of strangers'), '--dataset', 'tree');
  await north.ok('replicate');
  await untilHeldBy(north, 2);
  await flood;
  stop = true;
  for (const socket of sockets) socket.destroy();
  // 128 strangers at a time, the peer's own connections, and those of commands.
  assert.ok(most - before.files < 200, `${most - before.files} files more`);
  assert.ok(largest - before.bytes < 200e6, `${Math.round((largest - before.bytes) / 1e6)} MB more`);
  await until(async () => openFiles(pid) <= before.files + 20, 'the strangers to be gone');
  // Who finishes no handshake is no line of the log. The peer is one when it stops in the middle of dialling.
  const refused = north.log().matchAll(/"address":"([^"]*)","msg":"a connection was refused"/g);
  assert.deepEqual(
    [...refused].filter(([, from]) => from !== '127.0.0.1'),
    [],
  );
  assert.doesNotMatch(north.log(), /"level":50/);
  return `${count} half-open connections: at most ${most - before.files} files and ${Math.round((largest - before.bytes) / 1e6)} MB more`;
}
