import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Link } from '#link';
import { asId } from '#model';
import { AppError, systemClock, systemRandom, type Timers } from '#runtime';
import type { Peer } from './peers.ts';
import type { RealmKeys } from './realm-keys.ts';
import { type PendingSnapshot, Replicator, type ReplicatorOptions } from './replicator.ts';

test('an offer that overtakes its catalog entry is made again at once, and only then ever more rarely', async () => {
  const waitsMs: number[] = [];
  const enough = new Error('enough');
  const timers: Pick<Timers, 'sleep'> = {
    async sleep(delayMs) {
      if (waitsMs.push(delayMs) === 9) throw enough;
    },
  };
  const refused = new AppError('not known yet', { code: 'snapshot_unknown', retryable: true, advice: 'Wait.' });
  const link: Pick<Link, 'open'> = { open: () => Promise.reject(refused) };
  const replicator = new Replicator({
    keys: {} as RealmKeys,
    store: {} as ReplicatorOptions['store'],
    overview: { pendingFor: () => [pending], heldHere: () => [] },
    link: () => link as Link,
    clock: systemClock,
    timers: timers as Timers,
    random: systemRandom,
    onFailure: assert.ifError,
  });
  const run = { signal: new AbortController().signal, progress: () => undefined };

  await assert.rejects(replicator.bring(peer, undefined, run), enough);

  assert.deepEqual(waitsMs, [25, 50, 100, 200, 400, 800, 1600, 2000, 2000]);
});

test('a snapshot that cannot be sent does not keep the others at home, and is told of in the end', async () => {
  const offered: string[] = [];
  const hurt = new AppError('not complete here', { code: 'content_missing', advice: 'Heal.' });
  const link: Pick<Link, 'open'> = {
    open: async () => {
      offered.push('one');
      throw hurt;
    },
  };
  const replicator = new Replicator({
    keys: {} as RealmKeys,
    store: {} as ReplicatorOptions['store'],
    overview: { pendingFor: () => [pending, { ...pending, name: 'north/other@latest' }], heldHere: () => [] },
    link: () => link as Link,
    clock: systemClock,
    timers: {} as Timers,
    random: systemRandom,
    onFailure: assert.ifError,
  });
  const run = { signal: new AbortController().signal, progress: () => undefined };
  await assert.rejects(replicator.bring(peer, undefined, run), hurt);
  assert.equal(offered.length, 2);
});

const bytes = (length: number) => new Uint8Array(length);
const peer = { siteId: asId('SiteId', bytes(16)), name: 'south' } as Peer;
const pending: PendingSnapshot = {
  snapshotId: asId('SnapshotId', bytes(20)),
  datasetId: asId('DatasetId', bytes(16)),
  domainId: asId('DomainId', bytes(8)),
  name: 'north/mail@latest',
};
