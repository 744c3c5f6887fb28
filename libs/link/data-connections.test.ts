import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dataConnectionsFor, sendBufferBytesMax } from './data-connections.ts';

const megabit = 125_000;
const usual = 4 * 1024 * 1024;

test('as many connections as their buffers take to hold twice what is under way, 2 to 16', () => {
  const of = (mbit: number, roundTripMs: number, sendBuffer = usual) =>
    dataConnectionsFor({ sendBufferBytesMax: sendBuffer, bytesPerSecond: mbit * megabit, roundTripMs });
  assert.deepEqual([of(20, 30), of(100, 50), of(500, 150), of(1000, 0.5)], [2, 2, 9, 2]);
  assert.deepEqual([of(10_000, 300), of(500, 150, 64 * 1024 * 1024)], [16, 2]);
});

test('of an unknown line there are four, or two where the kernel gives them much', () => {
  assert.equal(dataConnectionsFor({ sendBufferBytesMax: usual }), 4);
  assert.equal(dataConnectionsFor({ sendBufferBytesMax: undefined }), 4);
  assert.equal(dataConnectionsFor({ sendBufferBytesMax: usual, bytesPerSecond: Infinity, roundTripMs: 5 }), 4);
  assert.equal(dataConnectionsFor({ sendBufferBytesMax: 64 * 1024 * 1024 }), 2);
});

test('the kernel says how much it gives, or nothing is known', () => {
  const most = sendBufferBytesMax();
  assert.ok(most === undefined || most >= 4096);
});
