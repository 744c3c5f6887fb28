import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DatasetId, SiteId } from '#model';
import { AppError, isAppError, systemRandom, systemTimers } from '#runtime';
import { receiveUpload, UploadSink } from './index.ts';
import { uploadClientChannel, uploadServerChannel } from './messages.ts';
import { memoryChannelPair } from './testing/memory-channel.ts';
import { MemoryStore } from './testing/memory-store.ts';
import { domainId, keys } from './testing/sample-snapshot.ts';

const begin = { datasetName: 'mail', host: 'box', paths: [] };

/** A client whose appliance answers with these messages after it has begun. */
async function clientOf(...answers: readonly object[]): Promise<UploadSink> {
  const [mine, theirs] = memoryChannelPair();
  const sink = UploadSink.begin(mine, begin);
  const server = uploadServerChannel(theirs);
  const [none, key] = [new Uint8Array(16), new Uint8Array(32)];
  const began = { sessionId: none, datasetId: none, siteId: none, chunkerKey: key, windowBytes: 1000 };
  await server.send({ began: { ...began, previousManifestHash: none.subarray(0, 0) } });
  for (const answer of answers) await server.send(answer);
  return sink;
}

test('a client refuses an acknowledgement of what it never sent, and a commit that it did not ask for', async () => {
  for (const answer of [
    { acknowledged: { belowSequence: 2 ** 52 } },
    { committed: { snapshotId: new Uint8Array(20) } },
  ]) {
    const sink = await clientOf(answer);
    await assert.rejects(
      async () => {
        await sink.putLeaf({ hashes: [new Uint8Array(32)], compression: 0, body: new Uint8Array(2000) });
        await sink.commit(new Uint8Array(32));
      },
      (error) => isAppError(error, 'protocol_violation'),
    );
  }
});

/** What an appliance says of a frame that the admin's client sends. */
async function refusalOf(leaf: { readonly hashes: Uint8Array; readonly compression: number }): Promise<unknown> {
  const [mine, theirs] = memoryChannelPair();
  const target = { siteId: new Uint8Array(16) as SiteId, datasetId: new Uint8Array(16) as DatasetId, domainId };
  const served = receiveUpload(theirs, {
    store: new MemoryStore(),
    keys,
    random: systemRandom,
    timers: systemTimers,
    windowBytes: 10_000,
    checkHashes: false,
    begin: async () => ({ ...target, chunkerKey: new Uint8Array(32), previous: undefined }),
    recordSnapshot: () => Promise.resolve(),
  });
  served.catch(() => undefined);
  const client = uploadClientChannel(mine);
  await client.send({ begin });
  await client.send({ leaf: { sequence: 0, body: new Uint8Array(10), ...leaf } });
  mine.abort(new AppError('the client has gone', { code: 'link_cut', advice: 'None.' }));
  return served.then(
    () => undefined,
    (error: unknown) => error,
  );
}

test('a frame of too many chunks, or compressed by an unknown method, is refused and never sealed', async () => {
  const tooMany = { hashes: new Uint8Array(32 * 4097), compression: 0 };
  const unknown = { hashes: new Uint8Array(32), compression: 7 };
  for (const leaf of [tooMany, unknown]) assert.ok(isAppError(await refusalOf(leaf), 'protocol_violation'));
});
