import type { DatasetId, SiteId } from '#model';
import {
  type CopyBook,
  fetchRecords,
  type PeerChannels,
  ReadSource,
  type ReceiverOptions,
  receiveUpload,
  replicateSnapshot,
  SnapshotReceiver,
  serveFetches,
  serveReads,
  UploadSink,
  type UploadTarget,
} from '#replication';
import { systemTimers } from '#runtime';
import { finishRecord } from '#wire';
import { channelPair } from './channels.ts';
import { MemoryRecords } from './memory-records.ts';
import { SeededRandom } from './seeded-random.ts';
import type { World } from './world.ts';

export type Messages = readonly Uint8Array[];

/** What each end said in real exchanges over the world's snapshot. */
export interface Captured {
  readonly upload: { readonly client: Messages; readonly server: Messages };
  readonly read: { readonly client: Messages; readonly server: Messages };
  readonly fetch: { readonly client: Messages; readonly server: Messages };
  readonly replicate: { readonly sender: Messages; readonly receiver: Messages };
  readonly records: Messages;
}

const datasetId = new Uint8Array(16).fill(7) as DatasetId;
const windowBytes = 4_000_000;

export function uploadTarget(world: World): UploadTarget {
  const { identity, domainId } = world;
  const siteId = identity.siteId as Uint8Array as SiteId;
  return { siteId, datasetId, domainId, chunkerKey: new Uint8Array(32), previous: undefined };
}

export function uploadOptions(world: World, store: MemoryRecords, checkHashes: boolean) {
  return {
    store,
    keys: world.keys,
    random: new SeededRandom('upload', 1),
    timers: systemTimers,
    windowBytes,
    checkHashes,
    begin: async () => uploadTarget(world),
    recordSnapshot: () => Promise.resolve(),
  };
}

export function copyBook(): CopyBook {
  return {
    checkOffer: () => undefined,
    holds: () => false,
    mayBeBase: () => false,
    recordCopy: () => Promise.resolve(),
  };
}

/**
 * The same messages, with one byte of the first record's seal changed and its checksum right again: what only the seal, or
 * the hashes behind it, can tell. `skip`: bytes before the record in its message.
 */
export function withForgedRecord(
  messages: Messages,
  { records }: World,
  skip: (message: Uint8Array) => number,
): Messages {
  const { length } = records[0]?.bytes ?? new Uint8Array(0);
  return messages.map((message) => {
    const from = skip(message);
    if (message.length !== from + length) return message;
    const forged = new Uint8Array(message);
    forged[message.length - 40] = (forged[message.length - 40] ?? 0) ^ 1;
    finishRecord(forged.subarray(from));
    return forged;
  });
}

/** Sessions get ids from a seed, so that what was captured names the session of every later receiver too. */
export function receiverOptions(world: World, store: MemoryRecords, blind: boolean): ReceiverOptions {
  return {
    store,
    keys: blind ? undefined : world.keys,
    timers: systemTimers,
    random: new SeededRandom('receiver', 1),
    windowBytes,
    copies: copyBook(),
  };
}

export function replicationJob({ snapshotId, domainId }: World) {
  return { snapshotId, datasetId, domainId, baseCandidates: [], name: 'north/data' };
}

export async function captureSessions(world: World): Promise<Captured> {
  return {
    upload: await captureUpload(world),
    read: await captureRead(world),
    fetch: await captureFetch(world),
    ...(await captureReplication(world)),
  };
}

async function captureUpload(world: World): Promise<Captured['upload']> {
  const [client, server] = channelPair();
  const served = receiveUpload(server, uploadOptions(world, new MemoryRecords(), true));
  const sink = await UploadSink.begin(client, { datasetName: 'data', host: 'client', paths: [Buffer.from('/data')] });
  await sink.wantedLeaves(world.frames.flatMap(({ hashes }) => hashes));
  for (const frame of world.frames) await sink.putLeaf(frame);
  await sink.wantedNodes(world.nodes.map(({ hash }) => hash));
  for (const node of world.nodes) await sink.putNode(node);
  await sink.commit(world.manifestHash);
  await served;
  return { client: client.sent, server: server.sent };
}

async function captureRead(world: World): Promise<Captured['read']> {
  const [client, server] = channelPair();
  const { keys, domainId } = world;
  const served = serveReads(server, {
    store: world.filled(),
    keys,
    open: () => ({ domainId }),
    fetcher: () => undefined,
    cutOut: false,
  });
  const source = await ReadSource.open(client, world.snapshotId);
  for (const { hash } of world.nodes) await source.node(hash);
  const hashes = world.frames.flatMap((frame) => frame.hashes);
  for await (const { content } of source.chunks(hashes)) if (content === undefined) throw new Error('a chunk is lost');
  await source.close();
  await served;
  return { client: client.sent, server: server.sent };
}

async function captureFetch(world: World): Promise<Captured['fetch']> {
  const [client, server] = channelPair();
  const served = serveFetches(server, world.filled(), () => undefined);
  const ids = world.records.flatMap((record) => record.ids);
  for await (const record of fetchRecords(client, world.domainId, ids, world.keys))
    if (!record) throw new Error('none');
  await served;
  return { client: client.sent, server: server.sent };
}

async function captureReplication(world: World): Promise<Pick<Captured, 'replicate' | 'records'>> {
  const receiver = new SnapshotReceiver(() => receiverOptions(world, new MemoryRecords(), false));
  const [control, controlFar] = channelPair();
  const [bulk, bulkFar] = channelPair();
  const served = receiver.serve(controlFar, world.identity.siteId as Uint8Array as SiteId);
  const peer: PeerChannels = {
    open: async (service) => {
      if (service === 'replicate') return control;
      void receiver.serveRecords(bulkFar);
      return bulk;
    },
  };
  const ports = {
    store: world.filled(),
    keys: world.keys,
    random: new SeededRandom('sender', 1),
    timers: systemTimers,
  };
  await replicateSnapshot(replicationJob(world), peer, ports);
  await served;
  return { replicate: { sender: control.sent, receiver: controlFar.sent }, records: bulk.sent };
}
