import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAppError } from '#runtime';
import { fetchRecords } from './index.ts';
import { fetchServerChannel } from './messages.ts';
import { memoryChannelPair } from './testing/memory-channel.ts';
import { MemoryStore } from './testing/memory-store.ts';
import { domainId, keys, putSnapshot } from './testing/sample-snapshot.ts';

test('a peer that answers one id with ever more records is cut off', async () => {
  const store = new MemoryStore();
  const id = await putSnapshot(store, { a: ['a'] });
  const { bytes } = (await store.read(domainId, id)) ?? assert.fail('the manifest is here');
  const [mine, theirs] = memoryChannelPair();
  const hostile = async () => {
    const channel = fetchServerChannel(theirs);
    await channel.receive();
    for (let i = 0; i < 10; i++) await channel.send({ record: bytes });
    await channel.receive();
  };
  const told = assert.rejects(hostile(), (error) => isAppError(error, 'session_cut'));
  const fetched: Uint8Array[] = [];
  const fetch = async () => {
    for await (const record of fetchRecords(mine, domainId, [id], keys)) fetched.push(record.bytes);
  };
  await assert.rejects(fetch(), (error) => isAppError(error, 'protocol_violation'));
  assert.equal(fetched.length, 1);
  await told;
});
