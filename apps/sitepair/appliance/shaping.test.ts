import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isAppError, systemClock, systemTimers } from '#runtime';
import { Shaper } from '#shaper';
import type { PeerFile } from './peers.ts';
import { Shaping } from './shaping.ts';
import { ShapingChanges } from './shaping-changes.ts';
import { shareDownlink } from './shaping-downlink.ts';
import { ShapingFile } from './shaping-file.ts';

const south = { name: 'south', siteId: new Uint8Array(16).fill(2) };
const megabit = 125_000;

function site(root: string) {
  const peers = { all: () => [south], named: () => south, find: () => south } as unknown as PeerFile;
  const file = new ShapingFile(root);
  const shaper = new Shaper(systemClock, systemTimers);
  const onFailure = (error: unknown) => assert.ifError(error);
  const shaping = new Shaping({
    file,
    shaper,
    peers,
    clock: systemClock,
    timers: systemTimers,
    timeZone: 'Europe/Berlin',
    onFailure,
  });
  const changes = new ShapingChanges(file, shaping, peers);
  const toSouth = () => changes.view().limits.find(({ peer, direction }) => peer === 'south' && direction === 'up');
  return { shaper, shaping, changes, toSouth, [Symbol.dispose]: () => shaping[Symbol.dispose]() };
}

function inFolder(work: (root: string) => void): void {
  const root = mkdtempSync(join(tmpdir(), 'shaping-'));
  try {
    work(root);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

test('a limit is in force when the change returns, and after a restart', () =>
  inFolder((root) => {
    {
      using first = site(root);
      first.changes.setRate({ peer: 'south', direction: 'up', rate: '20 Mbit/s' });
      first.changes.setRate({ direction: 'up', rate: '50 Mbit/s' });
      assert.equal(first.shaper.link(south.siteId).limit.bytesPerSecond, 20 * megabit);
      assert.equal(first.shaper.readings().uplink.limit.bytesPerSecond, 50 * megabit);
    }
    using again = site(root);
    assert.equal(again.shaper.link(south.siteId).limit.bytesPerSecond, 20 * megabit);
    again.changes.setRate({ peer: 'south', direction: 'up', rate: 'none' });
    assert.equal(again.toSouth()?.now, 'none');
  }));

test('full speed and pause go before the limit, end by themselves, and resume takes both back', () =>
  inFolder((root) => {
    using one = site(root);
    one.changes.setRate({ peer: 'south', direction: 'up', rate: '20 Mbit/s' });
    const soon = Math.floor(systemClock.nowMs() / 1000) + 3600;
    one.changes.hold({ hold: 'full_speed', untilSeconds: soon });
    assert.deepEqual([one.toSouth()?.why, one.toSouth()?.until], ['override', new Date(soon * 1000).toISOString()]);
    one.changes.hold({ peer: 'south', hold: 'pause' });
    assert.equal(one.shaper.link(south.siteId).limit.bytesPerSecond, 0);
    one.changes.hold({ hold: 'resume' });
    assert.equal(one.toSouth()?.now, '20 Mbit/s');
    one.changes.hold({ peer: 'south', hold: 'pause', untilSeconds: soon - 7200 });
    assert.equal(one.toSouth()?.now, '20 Mbit/s');
  }));

test('windows are numbered, kept, removed, and refused when they lie nowhere', () =>
  inFolder((root) => {
    using one = site(root);
    const scope = { peer: 'south', direction: 'up' as const };
    const always = { days: [1, 2, 3, 4, 5, 6, 7], from: '00:00', to: '24:00', rate: '5 Mbit/s' };
    one.changes.changeWindows({ ...scope, add: always });
    assert.deepEqual([one.toSouth()?.now, one.toSouth()?.why], ['5 Mbit/s', 'window']);
    using again = site(root);
    assert.deepEqual(again.toSouth()?.windows, [always]);
    again.changes.changeWindows({ ...scope, remove: 1 });
    assert.equal(again.toSouth()?.now, 'none');
    const refused = (code: string, work: () => unknown) => assert.throws(work, (error) => isAppError(error, code));
    refused('window_unknown', () => again.changes.changeWindows({ ...scope, remove: 1 }));
    refused('bad_window', () => again.changes.changeWindows({ ...scope, add: { ...always, from: '25:00' } }));
    refused('bad_rate', () => again.changes.changeWindows({ ...scope, add: { ...always, rate: 'fast' } }));
    refused('class_unknown', () => again.changes.setClass({ dataset: 'north/mail', trafficClass: 'slow' }));
  }));

test('the class of a dataset is kept, and a damaged file is told as that', () =>
  inFolder((root) => {
    {
      using one = site(root);
      one.changes.setClass({ dataset: 'north/video', trafficClass: 'seed' });
      assert.deepEqual([one.shaping.classOf('north/video'), one.shaping.classOf('north/mail')], ['seed', 'backup']);
    }
    {
      using again = site(root);
      assert.equal(again.shaping.classOf('north/video'), 'seed');
    }
    writeFileSync(join(root, 'limits.json'), '{"format":1,"limits":{},"classes":{"a":"seed"},"check":"00"}');
    assert.throws(
      () => site(root),
      (error) => isAppError(error, 'state_damaged'),
    );
  }));

test('a downlink is shared among those who use it, never exceeded, and an idle sender can show that it wants more', () => {
  const sender = (received: number, told = 5e6, limit = Number.POSITIVE_INFINITY) => ({
    limitBytesPerSecond: limit,
    toldBytesPerSecond: told,
    receivedBytesPerSecond: received,
  });
  const total = (shares: number[]) => shares.reduce((sum, share) => sum + share, 0);
  assert.deepEqual(shareDownlink(1e7, [sender(0)]), [1e7]);
  const oneBusy = shareDownlink(1e7, [sender(5e6), sender(0)]);
  assert.deepEqual(oneBusy, [9e6, 1e6]);
  const bothBusy = shareDownlink(1e7, [sender(9e6, 9e6), sender(1e6, 1e6)]);
  assert.deepEqual(bothBusy, [5e6, 5e6]);
  const capped = shareDownlink(1e7, [sender(5e6), sender(5e6, 5e6, 2e6)]);
  assert.deepEqual(capped, [8e6, 2e6]);
  assert.ok(total(shareDownlink(1e7, [sender(0), sender(0), sender(9e6, 9e6)])) <= 1e7 + 1);
  assert.deepEqual(shareDownlink(Number.POSITIVE_INFINITY, [sender(0, 1, 3e6)]), [3e6]);
});
