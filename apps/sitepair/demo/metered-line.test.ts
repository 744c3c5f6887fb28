import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { buffer, text } from 'node:stream/consumers';
import { test } from 'node:test';
import { systemTimers } from '#runtime';
import { MeteredLine } from './metered-line.ts';

/** A server that sends back what it gets. */
async function echo() {
  const server = createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { address: `127.0.0.1:${port}`, [Symbol.dispose]: () => void server.close() };
}

test('a line counts what crosses it, there and back', async () => {
  using far = await echo();
  await using line = await MeteredLine.open(far.address);
  const near = connect(Number(line.address.split(':')[1]), '127.0.0.1');
  near.end('twelve bytes');
  assert.equal(await text(near), 'twelve bytes');
  assert.equal(line.bytes, 24);
});

test('a line that is to stop carries no more than it may until it is to go on', async () => {
  using far = await echo();
  await using line = await MeteredLine.open(far.address);
  const near = connect(Number(line.address.split(':')[1]), '127.0.0.1');
  line.stopAfter(1000);
  near.write(Buffer.alloc(600));
  while (!line.isStopped) await systemTimers.sleep(1);
  near.end(Buffer.alloc(5000));
  await systemTimers.sleep(20);
  assert.ok(line.bytes >= 600 && line.bytes <= 1000, `${line.bytes} bytes`);
  line.goOn();
  assert.equal((await buffer(near)).length, 5600);
  assert.equal(line.bytes, 11_200);
  assert.equal(line.isStopped, false);
});

test('when one end breaks off, so does the other', async () => {
  using far = await echo();
  await using line = await MeteredLine.open(far.address);
  const near = connect(Number(line.address.split(':')[1]), '127.0.0.1');
  near.write('x');
  await once(near, 'data');
  near.resetAndDestroy();
  const again = connect(Number(line.address.split(':')[1]), '127.0.0.1');
  again.end('still there');
  assert.equal(await text(again), 'still there');
});
