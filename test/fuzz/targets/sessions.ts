import assert from 'node:assert/strict';
import type { SiteId } from '#model';
import { verifyRecord } from '#records';
import {
  fetchRecords,
  ReadSource,
  receiveUpload,
  replicateSnapshot,
  SnapshotReceiver,
  serveFetches,
  serveReads,
  UploadSink,
  VisibleIds,
} from '#replication';
import { equalBytes, systemTimers } from '#runtime';
import { parseRecord, sha256 } from '#wire';
import {
  type Captured,
  type Messages,
  receiverOptions,
  replicationJob,
  uploadOptions,
  uploadTarget,
  withForgedRecord,
} from '../captured-sessions.ts';
import { ScriptedChannel } from '../channels.ts';
import { MemoryRecords } from '../memory-records.ts';
import { SeededRandom } from '../seeded-random.ts';
import { conversationTarget, type Target } from '../target.ts';
import type { World } from '../world.ts';

/** Each side of each exchange of PROTOCOL.md, with an other end that says what it should not. */
export function sessionTargets(world: World, captured: Captured): Target<never>[] {
  const { keys, domainId } = world;
  const filled = world.filled();
  const from = world.identity.siteId as Uint8Array as SiteId;
  const upload = (agent: boolean) => async (messages: Messages) => {
    const store = new MemoryRecords();
    const options = uploadOptions(world, store, agent);
    const target = { ...uploadTarget(world), ...(agent ? { visible: new VisibleIds() } : {}) };
    try {
      await receiveUpload(new ScriptedChannel(messages), { ...options, begin: async () => target });
    } finally {
      if (agent) allGood(store, world);
    }
  };
  const read = (cutOut: boolean) => (messages: Messages) =>
    serveReads(new ScriptedChannel(messages), {
      store: filled,
      keys,
      open: () => ({ domainId }),
      fetcher: () => undefined,
      cutOut,
    });
  const recordBytes = world.records[0]?.bytes.length ?? 0;
  // Of a reply that holds a record, all before it is a tag and a length.
  const forgedFetch = withForgedRecord(captured.fetch.server, world, ({ length }) => {
    const before = length - recordBytes;
    return before >= 0 && before < 16 ? before : -1;
  });
  const make = (
    name: string,
    seeds: readonly Messages[],
    run: (messages: Messages) => Promise<void>,
    protobuf = true,
  ) => conversationTarget({ name, seeds, run, protobuf, isAsync: true, allocatedMax });
  return [
    make('upload from the admin', [captured.upload.client], upload(false)),
    make('upload from an agent', [captured.upload.client], upload(true)),
    make('answers to an upload', [captured.upload.server], (messages) => uploadTo(messages, world)),
    make('reads of the admin', [captured.read.client], read(false)),
    make('reads of an agent', [captured.read.client], read(true)),
    make('answers to reads', [captured.read.server], (messages) => readFrom(messages, world)),
    make('requests to fetch', [captured.fetch.client], (messages) =>
      serveFetches(new ScriptedChannel(messages), filled, () => undefined),
    ),
    make('fetched records', [captured.fetch.server, forgedFetch], (messages) => fetchFrom(messages, world)),
    make('a sender', [captured.replicate.sender], (messages) => receiveFrom(messages, captured.records, world, from)),
    make(
      'records of a sender',
      [captured.records, withForgedRecord(captured.records, world, () => 8)],
      (messages) => receiveFrom(captured.replicate.sender, messages, world, from),
      false,
    ),
    make('a receiver', [captured.replicate.receiver], (messages) => sendTo(messages, world, filled)),
  ] as Target<unknown>[] as Target<never>[];
}

/** What a conversation may cost: its own bytes several times, and a frame or node opened for each message. */
function allocatedMax(messages: Messages): number {
  const bytes = messages.reduce((sum, { length }) => sum + length, 0);
  return 4_000_000 + messages.length * 5_000_000 + 256 * bytes;
}

/** Nothing was stored that is not what its ids say. */
function allGood(store: MemoryRecords, { keys }: World): void {
  for (const bytes of store.all) {
    isGood(bytes, keys);
  }
}

function isGood(bytes: Uint8Array, keys: World['keys']): void {
  try {
    verifyRecord(keys, parseRecord(bytes));
  } catch (error) {
    assert.fail(`a wrong record was taken: ${String(error)}`);
  }
}

async function uploadTo(answers: Messages, { frames, nodes, manifestHash }: World): Promise<void> {
  const sink = await UploadSink.begin(new ScriptedChannel(answers), { datasetName: 'data', host: 'h', paths: [] });
  await sink.wantedLeaves(frames.flatMap(({ hashes }) => hashes));
  for (const frame of frames) await sink.putLeaf(frame);
  await sink.wantedNodes(nodes.map(({ hash }) => hash));
  for (const node of nodes) await sink.putNode(node);
  await sink.commit(manifestHash);
}

async function readFrom(answers: Messages, world: World): Promise<void> {
  const source = await ReadSource.open(new ScriptedChannel(answers), world.snapshotId);
  for (const { hash } of world.nodes)
    assert.ok(equalBytes(sha256(await source.node(hash)), hash), 'another node was given out');
  for await (const { hash, content } of source.chunks(world.frames.flatMap(({ hashes }) => hashes)))
    if (content !== undefined) assert.ok(equalBytes(sha256(content), hash), 'another chunk was given out');
  await source.close();
}

async function fetchFrom(answers: Messages, { domainId, records, keys }: World): Promise<void> {
  const ids = records.flatMap((record) => record.ids);
  for await (const record of fetchRecords(new ScriptedChannel(answers), domainId, ids, keys))
    isGood(record.bytes, keys);
}

async function receiveFrom(control: Messages, records: Messages, world: World, from: SiteId): Promise<void> {
  for (const blind of [false, true]) {
    const store = new MemoryRecords();
    const receiver = new SnapshotReceiver(() => receiverOptions(world, store, blind));
    const served = receiver.serve(new ScriptedChannel(control), from);
    served.catch(() => undefined);
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    const [bulk] = await Promise.allSettled([receiver.serveRecords(new ScriptedChannel(records)), served]);
    if (!blind) allGood(store, world);
    if (bulk.status === 'rejected') throw bulk.reason;
    await served;
  }
}

async function sendTo(answers: Messages, world: World, store: MemoryRecords): Promise<void> {
  const control = new ScriptedChannel(answers);
  const peer = { open: async (service: string) => (service === 'replicate' ? control : new ScriptedChannel([])) };
  const ports = { store, keys: world.keys, random: new SeededRandom('sender', 1), timers: systemTimers };
  await replicateSnapshot(replicationJob(world), peer, ports);
}
