import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Link } from '#link';
import { asId } from '#model';
import { AppError, systemClock, systemRandom, systemTimers, type Timers } from '#runtime';
import { codecOf, RecordKind } from '#wire';
import type { Peer } from './peers.ts';
import type { RealmKeys } from './realm-keys.ts';
import { type PendingSnapshot, Replicator, type ReplicatorOptions } from './replicator.ts';

test('an offer that overtakes its catalog entry is made again at once, and only then ever more rarely', async () => {
  const waitsMs: number[] = [];
  const enough = new Error('enough');
  const timers: Pick<Timers, 'sleep'> = {
    async sleep(delayMs) {
      if (waitsMs.push(delayMs) === 14) throw enough;
    },
  };
  const refused = new AppError('not known yet', { code: 'snapshot_unknown', retryable: true, advice: 'Wait.' });
  const link: Pick<Link, 'open'> = { open: () => Promise.reject(refused) };
  const replicator = new Replicator({
    keys: {} as RealmKeys,
    store: {} as ReplicatorOptions['store'],
    classOf: () => 'backup',
    overview: { pendingFor: () => [pending], heldHere: () => [] },
    link: () => link as Link,
    clock: systemClock,
    timers: { ...systemTimers, ...timers },
    random: systemRandom,
    onFailure: assert.ifError,
  });
  const run = { signal: new AbortController().signal, progress: () => undefined };

  await assert.rejects(replicator.bring(peer, undefined, run), enough);

  assert.deepEqual(waitsMs, [25, 50, 100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 51_200, 60_000, 60_000]);
});

test('a peer that stalls is told of each time, and tried again', async () => {
  const told: unknown[] = [];
  const enough = new Error('enough');
  const stalled = new AppError('nothing came', { code: 'session_stalled', retryable: true, advice: 'Look at it.' });
  const link: Pick<Link, 'open'> = { open: () => Promise.reject(stalled) };
  const replicator = new Replicator({
    keys: {} as RealmKeys,
    store: {} as ReplicatorOptions['store'],
    overview: { pendingFor: () => [pending], heldHere: () => [] },
    link: () => link as Link,
    clock: systemClock,
    timers: { ...systemTimers, sleep: async () => (told.length < 2 ? undefined : Promise.reject(enough)) },
    random: systemRandom,
    onFailure: (error) => told.push(error),
  });
  const run = { signal: new AbortController().signal, progress: () => undefined };
  await assert.rejects(replicator.bring(peer, undefined, run), enough);
  assert.deepEqual(told, [stalled, stalled]);
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
    classOf: () => 'backup',
    overview: { pendingFor: () => [pending, { ...pending, name: 'north/other@latest' }], heldHere: () => [] },
    link: () => link as Link,
    clock: systemClock,
    timers: systemTimers,
    random: systemRandom,
    onFailure: assert.ifError,
  });
  const run = { signal: new AbortController().signal, progress: () => undefined };
  await assert.rejects(replicator.bring(peer, undefined, run), hurt);
  assert.equal(offered.length, 2);
});

test('what a run that was under way brings of it counts for who asked meanwhile', async () => {
  const told: object[] = [];
  let heard = false;
  const offered = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  const far = fakePeer({ offered: offered.resolve, goOn: goOn.promise });
  const replicator = new Replicator({
    keys: {} as RealmKeys,
    store: oneNodeStore,
    // The catalog hears of the copy a while after it was proved.
    classOf: () => 'backup',
    overview: { pendingFor: () => (heard ? [] : [pending]), heldHere: () => [] },
    link: () => ({ open: far }) as Pick<Link, 'open'> as Link,
    clock: systemClock,
    timers: {
      ...systemTimers,
      sleep: async () => {
        heard = true;
      },
    },
    random: systemRandom,
    onFailure: assert.ifError,
  });
  replicator.nudge(peer);
  await offered.promise;
  const run = { signal: new AbortController().signal, progress: (now: object) => void told.push(now) };
  const asked = replicator.bring(peer, undefined, run);
  const cancelled = new AbortController();
  const given = replicator.bring(peer, undefined, { signal: cancelled.signal, progress: () => undefined });
  cancelled.abort(new Error('Ctrl-C'));
  await assert.rejects(given, /Ctrl-C/);
  goOn.resolve();

  const { snapshots, sentRecords, sentBytes } = await asked;

  assert.deepEqual(
    { snapshots, sentRecords, sentBytes },
    { snapshots: 1, sentRecords: 1, sentBytes: 8 + recordBytes.length },
  );
  assert.equal(told.length, 1);
  assert.ok(heard);
  await replicator.close();
});

const bytes = (length: number) => new Uint8Array(length);
const peer = { siteId: asId('SiteId', bytes(16)), name: 'south' } as Peer;
const pending: PendingSnapshot = {
  snapshotId: asId('SnapshotId', bytes(20)),
  datasetId: asId('DatasetId', bytes(16)),
  domainId: asId('DomainId', bytes(8)),
  name: 'north/mail@latest',
};

const recordBytes = bytes(200);
/** Holds the manifest alone, which refers to nothing. */
const oneNodeStore = {
  locateMany: async () => [{ pack: 1, offset: 64, length: recordBytes.length, kind: RecordKind.node }],
  readAt: async () => ({ kind: RecordKind.node, bytes: recordBytes, references: [] }),
} as unknown as ReplicatorOptions['store'];

const requests = codecOf<Record<string, unknown>>('session.proto', 'sitepair.session.v1.ReplicateRequest');
const replies = codecOf<Record<string, unknown>>('session.proto', 'sitepair.session.v1.ReplicateReply');

/** A peer that lacks everything: takes one record, and proves. */
function fakePeer({ offered, goOn }: { offered: () => void; goOn: Promise<void> }): Link['open'] {
  const waiting: Uint8Array[] = [];
  let wake: () => void = () => undefined;
  const reply = (message: Record<string, unknown>) => {
    waiting.push(replies.encode(message));
    wake();
  };
  const control = {
    async send(message: Uint8Array) {
      const { offer, ids, done } = requests.decode(message);
      if (offer) {
        offered();
        await goOn;
        reply({ granted: { sessionId: bytes(16), baseSnapshotId: bytes(0), windowBytes: 1000 } });
      } else if (ids) reply({ wanted: { batch: 0, wanted: new Uint8Array([1]) } });
      else if (done) reply({ proved: {} });
    },
    async receive() {
      while (waiting.length === 0)
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      return waiting.shift();
    },
  };
  const records = {
    async send(message: Uint8Array) {
      if (message.length > 16) setImmediate(() => reply({ acknowledged: { belowSequence: 1 } }));
    },
    // Nothing comes back over it: it tells when it is gone.
    receive: () => new Promise<undefined>(() => undefined),
  };
  const rest = { end: async () => undefined, abort: () => undefined };
  const open = async (service: string) => ({ ...(service === 'replicate' ? control : records), ...rest });
  return open as unknown as Link['open'];
}
