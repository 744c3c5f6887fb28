import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { countedAs, StrangerRoom } from './stranger-limits.ts';
import { SimulatedTime, settle } from './testing/simulated-time.ts';

const limits = { perAddressMax: 2, allMax: 3, timeoutMs: 10_000, penaltyMs: 1000 };

test('one who ended unknown counts for its address one second longer, one who is known does not', async () => {
  const time = new SimulatedTime();
  const room = new StrangerRoom(limits, time);
  const [a, b, c] = [new PassThrough(), new PassThrough(), new PassThrough()];
  assert.ok(room.enter(a, 'x') && room.enter(b, 'x') && room.enter(b, 'x'));
  a.destroy();
  await settle();
  assert.equal(room.enter(c, 'x'), false);
  assert.ok(c.destroyed);
  room.leave(b);
  assert.ok(room.enter(new PassThrough(), 'x'));
  assert.equal(room.enter(new PassThrough(), 'x'), false);
  await time.advance(1000);
  assert.ok(room.enter(new PassThrough(), 'x'));
});

test('a full room cuts off the oldest and lets the new one in', () => {
  const room = new StrangerRoom(limits, new SimulatedTime());
  const sockets = ['p', 'q', 'r', 's'].map((address) => {
    const socket = new PassThrough();
    assert.ok(room.enter(socket, address));
    return socket;
  });
  assert.deepEqual(
    sockets.map(({ destroyed }) => destroyed),
    [true, false, false, false],
  );
  assert.equal(room.count, 3);
});

test('the time is over after ten seconds, but not for the known', async () => {
  const time = new SimulatedTime();
  const room = new StrangerRoom(limits, time);
  const [stranger, known] = [new PassThrough(), new PassThrough()];
  room.enter(stranger, 'x');
  room.enter(known, 'x');
  room.leave(known);
  await time.advance(10_000);
  assert.deepEqual([stranger.destroyed, known.destroyed], [true, false]);
  await time.advance(1000);
  assert.equal(time.pendingTimers, 0);
});

test('all addresses of one IPv6 network count as one, and an IPv4 address in IPv6 clothes as itself', () => {
  const same = ['2001:db8:0:1::1', '2001:0DB8:0:1:ffff:ffff:ffff:ffff', '2001:db8::1:0:0:0:9', '2001:db8:0:1::2%eth0'];
  assert.deepEqual([...new Set(same.map(countedAs))], ['2001:db8:0:1::/64']);
  assert.equal(countedAs('2001:db8:0:2::1'), '2001:db8:0:2::/64');
  assert.equal(countedAs('::1'), '0:0:0:0::/64');
  assert.deepEqual(['::ffff:192.0.2.7', '192.0.2.7', ''].map(countedAs), ['192.0.2.7', '192.0.2.7', '']);
  const room = new StrangerRoom(limits, new SimulatedTime());
  assert.ok(room.enter(new PassThrough(), '2001:db8::1') && room.enter(new PassThrough(), '2001:db8::2'));
  assert.equal(room.enter(new PassThrough(), '2001:db8::3'), false);
  assert.ok(room.enter(new PassThrough(), '2001:db8:1::1'));
});
