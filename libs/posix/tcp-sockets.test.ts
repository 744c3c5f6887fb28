import assert from 'node:assert/strict';
import { test } from 'node:test';
import { descriptorOf, withConnection } from '../../test/kit/connected-sockets.ts';
import {
  closeFd,
  congestionControl,
  setCongestionControl,
  setMaxPacingRate,
  setNotSentLowWater,
  setTrafficClass,
  tcpInfo,
} from './index.ts';
import { bytes, createFile, TestFolder } from './test-folder.ts';

test('a connection counts what it sent, and what was acknowledged', () =>
  withConnection('127.0.0.1', async (near, far) => {
    const size = 200_000;
    near.write(new Uint8Array(size));
    let received = 0;
    for await (const part of far) {
      received += part.length;
      if (received === size) break;
    }
    const info = tcpInfo(descriptorOf(near));
    assert(info !== undefined);
    assert(info.rttUs > 0 && info.rttUs < 10_000_000 && info.sendWindowSegments > 0 && info.segmentBytes > 500);
    assert(info.segmentsOut > 0 && info.segmentsIn > 0);
    assert(info.bytesSent === undefined || info.bytesSent >= size);
    // Leaving the loop closes the far end: SYN and FIN count one each.
    assert(info.bytesAcked <= size + 2 && info.bytesReceived <= 1);
  }));

test('shaping options are set on sockets of both families', async (context) => {
  await withConnection('127.0.0.1', async (near) => {
    const fd = descriptorOf(near);
    assert.equal(setMaxPacingRate(fd, 1_000_000), true);
    assert.equal(setMaxPacingRate(fd, 100e9), true);
    assert.equal(setMaxPacingRate(fd, Number.POSITIVE_INFINITY), true);
    assert.equal(setNotSentLowWater(fd, 131_072), true);
    assert.equal(setTrafficClass(fd, 1), true);
  });
  try {
    await withConnection('::1', async (near) => assert.equal(setTrafficClass(descriptorOf(near), 1), true));
  } catch (error) {
    if (!(error instanceof Error) || !/EADDRNOTAVAIL|EAFNOSUPPORT/.test(error.message)) throw error;
    context.diagnostic('no IPv6 here');
  }
});

test('the congestion control is chosen by name, and an unknown one is just false', () =>
  withConnection('127.0.0.1', async (near) => {
    const fd = descriptorOf(near);
    assert.equal(setCongestionControl(fd, 'reno'), true);
    assert.equal(congestionControl(fd), 'reno');
    assert.equal(setCongestionControl(fd, 'no_such_thing'), false);
    assert.equal(congestionControl(fd), 'reno');
  }));

test('what is no TCP socket has no state and takes no options', () => {
  using folder = new TestFolder();
  const fd = createFile(folder.fd, bytes('f'));
  assert.equal(tcpInfo(fd), undefined);
  assert.equal(tcpInfo(-1), undefined);
  assert.equal(congestionControl(fd), undefined);
  assert.equal(setMaxPacingRate(fd, 1000), false);
  assert.equal(setNotSentLowWater(fd, 1000), false);
  assert.equal(setTrafficClass(fd, 1), false);
  closeFd(fd);
});
