import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { type DatasetId, EntryKind, type SiteId, type SnapshotId } from '#model';
import { compressBody } from '#records';
import { AppError, isAppError, systemRandom, systemTimers, toHex } from '#runtime';
import { decodeNode, encodeFrame, encodeNode, sha256 } from '#wire';
import { ReadSource, receiveUpload, serveReads, UploadSink } from './index.ts';
import { memoryChannelPair } from './testing/memory-channel.ts';
import { MemoryStore } from './testing/memory-store.ts';
import { domainId, keys } from './testing/sample-snapshot.ts';

const begin = { datasetName: 'mail', host: 'box', paths: [Buffer.from('/srv')] };
const contentOf = (name: string) => createHash('shake128', { outputLength: 3000 }).update(name).digest();

function appliance(store: MemoryStore, checkHashes = false) {
  const snapshots: string[] = [];
  const open = async () => {
    const [mine, theirs] = memoryChannelPair();
    const target = { siteId: new Uint8Array(16) as SiteId, datasetId: new Uint8Array(16) as DatasetId, domainId };
    const options = {
      store,
      keys,
      random: systemRandom,
      timers: systemTimers,
      windowBytes: 10_000,
      checkHashes,
      begin: async () => ({ ...target, chunkerKey: new Uint8Array(32), previous: undefined }),
      recordSnapshot: async (_: unknown, id: SnapshotId) => void snapshots.push(toHex(id)),
    };
    receiveUpload(theirs, options).catch((error) =>
      theirs.abort(isAppError(error) ? error : new AppError(String(error), { code: 'internal', advice: '' })),
    );
    return UploadSink.begin(mine, begin);
  };
  const read = async (id: Uint8Array, cutOut = false) => {
    const [mine, theirs] = memoryChannelPair();
    const options = { store, keys, open: () => ({ domainId }), fetcher: () => undefined, cutOut };
    serveReads(theirs, options).catch((error) =>
      theirs.abort(isAppError(error) ? error : new AppError(String(error), { code: 'internal', advice: '' })),
    );
    return ReadSource.open(mine, id);
  };
  return { open, read, snapshots };
}

async function putFile(sink: UploadSink, names: readonly string[]): Promise<Uint8Array[]> {
  const contents = names.map(contentOf);
  const hashes = contents.map((content) => sha256(content));
  await sink.putLeaf({ hashes, ...(await compressBody(encodeFrame(contents))) });
  return hashes;
}

async function putManifest(sink: UploadSink, leafHashes: readonly Uint8Array[]): Promise<Uint8Array> {
  const entries = leafHashes.map((chunkHash, i) => ({
    name: Buffer.from(`f${i}`),
    kind: EntryKind.file,
    extents: [{ chunkHash, length: 3000 }],
  }));
  const directory = encodeNode({ type: 'directory', directory: { entries: entries as never } });
  await sink.putNode({ hash: sha256(directory), ...(await compressBody(directory)) });
  const root = { kind: EntryKind.directory, directoryHash: sha256(directory) };
  const manifest = encodeNode({ type: 'manifest', manifest: { format: 1, root } as never });
  await sink.putNode({ hash: sha256(manifest), ...(await compressBody(manifest)) });
  return sha256(manifest);
}

test('an upload larger than its window is committed and reads back chunk by chunk', async () => {
  const site = appliance(new MemoryStore());
  const sink = await site.open();
  const hashes: Uint8Array[] = [];
  for (let i = 0; i < 20; i++) hashes.push(...(await putFile(sink, [`a${i}`, `b${i}`])));
  const id = await sink.commit(await putManifest(sink, hashes));
  assert.deepEqual(site.snapshots, [toHex(id)]);
  const source = await site.read(id);
  const got = new Map<string, string>();
  for await (const { hash, content } of source.chunks(hashes))
    got.set(toHex(hash), toHex(content ?? new Uint8Array(0)));
  assert.equal(got.size, 40);
  assert.equal(got.get(toHex(hashes[3] ?? new Uint8Array(0))), toHex(contentOf('b1')));
});

test('what is already stored is not wanted a second time, durable or still on its way', async () => {
  const site = appliance(new MemoryStore());
  const sink = await site.open();
  const hashes = await putFile(sink, ['x', 'y']);
  assert.deepEqual(await sink.wantedLeaves([...hashes, sha256(contentOf('z'))]), [false, false, true]);
});

test('a snapshot that refers to what was never sent is refused and never listed', async () => {
  const site = appliance(new MemoryStore());
  const sink = await site.open();
  const manifest = await putManifest(sink, [sha256(contentOf('never sent'))]);
  await assert.rejects(sink.commit(manifest), (error) => isAppError(error, 'snapshot_incomplete'));
  assert.deepEqual(site.snapshots, []);
});

test('a disk that fills while the last records are made durable fails the commit instead of leaving the client to wait', async () => {
  const store = new MemoryStore();
  const full = new AppError('the disk is full', { code: 'volume_full', advice: 'Free some space.' });
  store.flush = async () => {
    throw full;
  };
  const sink = await appliance(store).open();
  const manifest = await putManifest(sink, []);
  await assert.rejects(sink.commit(manifest), (error) => isAppError(error, 'volume_full'));
});

test("an agent's chunk under another content's hash is refused", async () => {
  const sink = await appliance(new MemoryStore(), true).open();
  const frame = await compressBody(encodeFrame([contentOf('mine')]));
  const upload = async () => {
    await sink.putLeaf({ hashes: [sha256(contentOf('yours'))], ...frame });
    await sink.commit(await putManifest(sink, []));
  };
  await assert.rejects(upload(), (error) => isAppError(error, 'protocol_violation'));
});

test('an agent gets the chunks it asked for and none that share their frame', async () => {
  const site = appliance(new MemoryStore());
  const sink = await site.open();
  const hashes = await putFile(sink, ['mine', "somebody else's"]);
  const id = await sink.commit(await putManifest(sink, hashes));
  const source = await site.read(id, true);
  const manifest = decodeNode(await source.node(source.manifestHash));
  assert.ok(manifest.type === 'manifest');
  await source.node(manifest.manifest.root.directoryHash);
  const nodeBytes = source.receivedBytes;
  for await (const { content } of source.chunks(hashes.slice(0, 1)))
    assert.equal(toHex(content ?? new Uint8Array(0)), toHex(contentOf('mine')));
  assert.ok(source.receivedBytes - nodeBytes < 3100);
});

test('a chunk that is nowhere comes back as missing, and the others still come', async () => {
  const site = appliance(new MemoryStore());
  const sink = await site.open();
  const hashes = await putFile(sink, ['here']);
  const id = await sink.commit(await putManifest(sink, hashes));
  const source = await site.read(id);
  const got: (number | undefined)[] = [];
  for await (const { content } of source.chunks([...hashes, sha256(contentOf('nowhere'))])) got.push(content?.length);
  assert.deepEqual(got, [3000, undefined]);
});
