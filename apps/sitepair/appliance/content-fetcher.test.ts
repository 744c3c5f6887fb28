import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DomainId, RecordId } from '#model';
import type { MessageChannel, RecordStore } from '#replication';
import { AppError, isAppError, systemTimers, type Timers } from '#runtime';
import { codecOf, finishRecord, RecordKind, recordLength, writeRecordHeader } from '#wire';
import { contentFetcher } from './content-fetcher.ts';
import type { Peer } from './peers.ts';

const domainId = new Uint8Array(8).fill(1) as DomainId;
const reply = codecOf<{ record?: Uint8Array; done?: object }>('session.proto', 'sitepair.session.v1.FetchReply');

function recordOf(id: RecordId): Uint8Array {
  const bytes = new Uint8Array(recordLength(1, 0, 17));
  const names = { keyId: new Uint8Array(8) as never, nonce: new Uint8Array(24), ids: [id], references: [] };
  writeRecordHeader(bytes, { kind: RecordKind.leaf, domainId, ...names }, 17);
  finishRecord(bytes);
  return bytes;
}

/** A peer that gives the first record and then nothing until the link is cut. */
function slowPeer(id: RecordId): MessageChannel {
  let given = false;
  return {
    send: async () => undefined,
    receive: async () => {
      if (!given) {
        given = true;
        return reply.encode({ record: recordOf(id) });
      }
      for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
      throw new AppError('the line was cut', { code: 'link_cut', retryable: true, advice: '' });
    },
    end: async () => undefined,
    abort: () => undefined,
  };
}

/** A peer that gives what was asked for. */
function goodPeer(id: RecordId): MessageChannel {
  const answers = [reply.encode({ record: recordOf(id) }), reply.encode({ done: {} }), undefined];
  return { ...slowPeer(id), receive: async () => answers.shift() };
}

test('a disk that is full while a peer still sends is told of, and ends nothing but the fetch', async () => {
  const id = new Uint8Array(20).fill(7) as RecordId;
  const full = new AppError('the disk is full', { code: 'volume_full', advice: 'Free some space.' });
  const store = { append: () => Promise.reject(full), flush: () => Promise.reject(full) } as unknown as RecordStore;
  const failures: unknown[] = [];
  const fetch = contentFetcher(
    {
      store,
      keys: () => undefined,
      peers: () => [{ siteId: new Uint8Array(16), name: 'south' } as unknown as Peer],
      link: () => ({ open: async () => slowPeer(id) }),
      timers: systemTimers,
      onFailure: (error) => failures.push(error),
    },
    new Uint8Array(0),
  );
  // A rejection that nobody handles would fail this test, as it would end the appliance.
  assert.deepEqual(await fetch(domainId, [id]), [id]);
  assert.ok(isAppError(failures[0], 'volume_full'));
});

test('a peer that stalls is given up after two minutes, and the next one is asked', async () => {
  const id = new Uint8Array(20).fill(7) as RecordId;
  const store = { append: async () => undefined, flush: async () => undefined } as unknown as RecordStore;
  const aborted = Promise.withResolvers<never>();
  const stalling: MessageChannel = {
    ...slowPeer(id),
    receive: () => aborted.promise,
    abort: (error) => aborted.reject(error),
    bytesReceived: 0,
  };
  let waitedMs = 0;
  const timers: Timers = {
    ...systemTimers,
    after(delayMs, run) {
      const timer = setImmediate(() => {
        waitedMs += delayMs;
        run();
      });
      return { cancel: () => clearImmediate(timer) };
    },
  };
  const failures: unknown[] = [];
  const asked = ['stalling', 'good'].map(
    (name, i) => ({ siteId: new Uint8Array(16).fill(i), name }) as unknown as Peer,
  );
  const fetch = contentFetcher(
    {
      store,
      keys: () => undefined,
      peers: () => asked,
      link: (siteId) => ({ open: async () => (siteId[0] === 0 ? stalling : goodPeer(id)) }),
      timers,
      onFailure: (error, { name }) => failures.push([name, isAppError(error) && error.code]),
    },
    new Uint8Array(0),
  );
  assert.deepEqual(await fetch(domainId, [id]), []);
  assert.deepEqual([failures, waitedMs], [[['stalling', 'session_stalled']], 120_000]);
});
