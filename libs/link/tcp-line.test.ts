import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { connect as connectTls, createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { congestionControl, tcpInfo } from '#posix';
import { descriptorOf, withConnection } from '../../test/kit/connected-sockets.ts';
import { defaultSocketTuning, TcpLine } from './tcp-line.ts';
import { selfSigned } from './testing/self-signed.ts';

test('a line counts payload and headers, and what nobody has sent yet, wherever it lies', (t) =>
  withConnection('127.0.0.1', async (near, far) => {
    const size = 8_000_000;
    const line = new TcpLine(near);
    near.write(new Uint8Array(size));
    const early = line.read();
    if (early === undefined) return t.skip('this kernel does not count what a connection sends');
    const info = tcpInfo(descriptorOf(near));
    const sent = (info?.bytesSent ?? 0) - (info?.bytesResent ?? 0);
    assert.ok(Math.abs(early.unsentBytes - (size - sent)) <= 200_000, `${early.unsentBytes} of ${size - sent}`);
    let received = 0;
    for await (const part of far) {
      received += part.length;
      if (received === size) break;
    }
    const late = line.read();
    assert.ok(late !== undefined && late.wireBytes >= size + 52 && late.wireBytes < size * 1.05);
    assert.equal(late.unsentBytes, 0);
    assert.ok(late.receivedWireBytes >= 52 && late.roundTripMs < 10_000);
    near.destroy();
    await once(near, 'close');
    assert.ok((line.read()?.wireBytes ?? 0) >= size, 'the last word stands');
  }));

test('headers of IPv6 count, but not for IPv4 in an IPv6 socket', async (context) => {
  try {
    await withConnection('::1', async (near) => {
      const reading = new TcpLine(near).read();
      const info = tcpInfo(descriptorOf(near));
      if (reading === undefined) return context.skip('this kernel does not count what a connection sends');
      assert.equal(reading.wireBytes, (info?.bytesSent ?? 0) + 72 * (info?.segmentsOut ?? 0));
    });
  } catch (error) {
    if (!(error instanceof Error) || !/EADDRNOTAVAIL|EAFNOSUPPORT/.test(error.message)) throw error;
    context.skip('no IPv6 here');
  }
});

test('under TLS the socket below is counted and tuned', async () => {
  const server = createTlsServer(selfSigned).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const near = connectTls({
    port: (server.address() as AddressInfo).port,
    host: '127.0.0.1',
    rejectUnauthorized: false,
  });
  const [far] = (await once(server, 'secureConnection')) as [TLSSocket];
  if (near.authorized === false && near.getProtocol() === null) await once(near, 'secureConnect');
  far.resume();
  near.write(new Uint8Array(100_000));
  await new Promise((resolve) => near.write('end', resolve));
  const line = new TcpLine(near);
  assert.ok((line.read()?.wireBytes ?? Number.POSITIVE_INFINITY) > 100_000);
  line.tune({ ...defaultSocketTuning, congestionControls: ['reno'] });
  assert.equal(congestionControl(descriptorOf(near)), 'reno');
  near.destroy();
  far.destroy();
  server.close();
});

test('what the kernel does not do is skipped and told', () =>
  withConnection('127.0.0.1', async (near) => {
    const line = new TcpLine(near);
    assert.deepEqual(line.tune({ ...defaultSocketTuning, congestionControls: ['no_such_one', 'reno'] }), []);
    assert.equal(congestionControl(descriptorOf(near)), 'reno');
    const notes = line.tune({ ...defaultSocketTuning, congestionControls: ['no_such_one'] });
    assert.deepEqual([notes.length, /no_such_one/.test(notes[0] ?? '')], [1, true]);
    line.pace(1_000_000);
    line.pace(Number.POSITIVE_INFINITY);
  }));
