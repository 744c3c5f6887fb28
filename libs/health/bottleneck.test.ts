import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bottleneckOf, type LinkWindow } from './bottleneck.ts';
import type { Cause } from './causes.ts';
import { StallWatch } from './stall.ts';

const idle = { processor: 0.1, diskWrite: 0, diskRead: 0.05 };

/** Busy, and held by nothing that stands out. */
const plain: LinkWindow = {
  seconds: 5,
  linkUp: true,
  hasBacklog: true,
  sentBytesPerSecond: 1_000_000,
  limitBytesPerSecond: Number.POSITIVE_INFINITY,
  limitWhy: 'none',
  heldByLimit: 0,
  heldByLine: 0,
  unsent: 0,
  own: idle,
  peer: idle,
};

function names(cause: Cause, change: Partial<LinkWindow>, evidence: RegExp): void {
  const named = bottleneckOf({ ...plain, ...change });
  assert.equal(named.cause, cause, named.evidence);
  assert.match(named.evidence, evidence);
}

test('each bottleneck is named by its own evidence', () => {
  names('peer_unreachable', { linkUp: false, hasBacklog: false }, /no link/);
  names('nothing_to_send', { hasBacklog: false }, /holds all/);
  names('window_closed', { limitBytesPerSecond: 0, limitWhy: 'pause' }, /pause/);
  names('limit', { limitBytesPerSecond: 1_020_000, limitWhy: 'window' }, /8\.00 of 8\.16 Mbit\/s \(window\)/);
  names('limit', { limitBytesPerSecond: 5_000_000, heldByLimit: 0.8 }, /80 % of the time/);
  names('line', { unsent: 0.9 }, /unsent 90 %/);
  names('source_disk', { own: { ...idle, diskRead: 0.9 } }, /reads .* 90 %/);
  names('processor', { own: { ...idle, processor: 0.97 } }, /97 %/);
  names('peer_processor', { peer: { ...idle, processor: 0.99 }, unsent: 1 }, /99 %/);
  names('peer_disk', { peer: { ...idle, diskWrite: 0.9 }, own: { ...idle, diskRead: 0.6 } }, /90 %/);
  names('unclear', { peer: undefined }, /has not said/);
});

test('in background mode what the line leaves over is the line', () => {
  names('line', { limitBytesPerSecond: 1_000_000, limitWhy: 'background', heldByLimit: 1 }, /background/);
});

test('a limit is named however busy the machines are', () => {
  names('limit', { limitBytesPerSecond: 1_000_000, own: { ...idle, processor: 1 }, heldByLimit: 0.9 }, /limit/);
});

test('a link stalls by what is acknowledged, not by what it says', () => {
  const watch = new StallWatch();
  assert.equal(watch.look(0, true, 5), 0);
  assert.equal(watch.look(30_000, true, 5), 30_000);
  assert.equal(watch.look(31_000, true, 6), 0);
  assert.equal(watch.look(100_000, true, 6), 69_000);
  assert.equal(watch.look(101_000, false, 6), 0);
  assert.equal(watch.look(300_000, true, 6), 0, 'a new backlog begins anew');
});
