import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { type DatasetId, EntryKind, type SiteId, type SnapshotId } from '#model';
import { compressBody } from '#records';
import { AppError, isAppError, systemRandom, systemTimers, toHex } from '#runtime';
import { encodeFrame, encodeNode, sha256 } from '#wire';
import { ReadSource, receiveUpload, serveReads, UploadSink, type UploadTarget, VisibleIds } from './index.ts';
import { memoryChannelPair } from './testing/memory-channel.ts';
import { MemoryStore } from './testing/memory-store.ts';
import { domainId, keys } from './testing/sample-snapshot.ts';

const contentOf = (name: string) => createHash('shake128', { outputLength: 3000 }).update(name).digest();
const hashOf = (name: string) => sha256(contentOf(name));

/** An appliance that takes in the uploads of agents; each has one dataset, and remembers its unfinished sessions. */
class Appliance {
  readonly store = new MemoryStore();
  readonly #previous = new Map<string, NonNullable<UploadTarget['previous']>>();
  readonly #visible = new Map<string, VisibleIds>();

  async upload(agent: string): Promise<UploadSink> {
    const [mine, theirs] = memoryChannelPair();
    const visible = this.#visible.get(agent) ?? new VisibleIds();
    this.#visible.set(agent, visible);
    const target = { siteId: new Uint8Array(16) as SiteId, datasetId: new Uint8Array(16) as DatasetId, domainId };
    receiveUpload(theirs, {
      store: this.store,
      keys,
      random: systemRandom,
      timers: systemTimers,
      windowBytes: 1_000_000,
      checkHashes: true,
      begin: async () => ({
        ...target,
        chunkerKey: new Uint8Array(32),
        previous: this.#previous.get(agent),
        visible,
      }),
      recordSnapshot: async (_, snapshotId, manifest) => {
        this.#previous.set(agent, { snapshotId, manifestHash: sha256(manifest) });
        this.#visible.delete(agent);
      },
    }).catch((error) => theirs.abort(told(error)));
    return UploadSink.begin(mine, { datasetName: agent, host: 'box', paths: [] });
  }

  async read(snapshotId: Uint8Array): Promise<ReadSource> {
    const [mine, theirs] = memoryChannelPair();
    const options = { store: this.store, keys, open: () => ({ domainId }), fetcher: () => undefined, cutOut: true };
    serveReads(theirs, options).catch((error) => theirs.abort(told(error)));
    return ReadSource.open(mine, snapshotId);
  }

  async backUp(agent: string, names: readonly string[]): Promise<SnapshotId> {
    const sink = await this.upload(agent);
    for (const name of names) await putLeaf(sink, name);
    return sink.commit(await putManifest(sink, names));
  }
}

function told(error: unknown): AppError {
  return isAppError(error) ? error : new AppError(String(error), { code: 'internal', advice: '' });
}

async function putLeaf(sink: UploadSink, name: string): Promise<void> {
  await sink.putLeaf({ hashes: [hashOf(name)], ...(await compressBody(encodeFrame([contentOf(name)]))) });
}

function directoryOf(names: readonly string[]): Uint8Array {
  const entries = names.map((name) => ({
    name: Buffer.from(name),
    kind: EntryKind.file,
    extents: [{ chunkHash: hashOf(name), length: 3000 }],
  }));
  return encodeNode({ type: 'directory', directory: { entries: entries as never } });
}

async function putManifest(sink: UploadSink, names: readonly string[], alsoDirectory = true): Promise<Uint8Array> {
  const directory = directoryOf(names);
  if (alsoDirectory) await sink.putNode({ hash: sha256(directory), ...(await compressBody(directory)) });
  const root = { kind: EntryKind.directory, directoryHash: sha256(directory) };
  const manifest = encodeNode({ type: 'manifest', manifest: { format: 1, root } as never });
  await sink.putNode({ hash: sha256(manifest), ...(await compressBody(manifest)) });
  return sha256(manifest);
}

async function contentsIn(source: ReadSource, hashes: readonly Uint8Array[]): Promise<(string | undefined)[]> {
  const got = new Map<string, Uint8Array | undefined>();
  for await (const { hash, content } of source.chunks(hashes)) got.set(toHex(hash), content);
  return hashes.map((hash) => {
    const content = got.get(toHex(hash));
    return content && toHex(content);
  });
}

test("an agent's have tells nothing of what others have stored", async () => {
  const site = new Appliance();
  await site.backUp('web', ['secret', 'shared']);
  const sink = await site.upload('laptop');
  assert.deepEqual(await sink.wantedLeaves([hashOf('secret'), hashOf('never')]), [true, true]);
  assert.deepEqual(await sink.wantedNodes([sha256(directoryOf(['secret', 'shared']))]), [true]);
});

test('an agent that names a hash it does not have gets no snapshot of it, whether the content is here or not', async () => {
  const site = new Appliance();
  await site.backUp('web', ['secret']);
  const byLeaf = await site.upload('laptop');
  await assert.rejects(byLeaf.commit(await putManifest(byLeaf, ['secret'])), isIncomplete);
  const byNode = await site.upload('laptop');
  await assert.rejects(byNode.commit(await putManifest(byNode, ['secret'], false)), isIncomplete);
});

test('an agent is not asked twice for what its last snapshot has, or an unfinished session brought', async () => {
  const site = new Appliance();
  await site.backUp('laptop', ['one', 'two']);
  const cut = await site.upload('laptop');
  await putLeaf(cut, 'three');
  await cut.wantedLeaves([hashOf('three')]);
  await site.store.flush();
  cut.abort(new AppError('cut', { code: 'cut', advice: '' }));
  const sink = await site.upload('laptop');
  const asked = ['one', 'two', 'three', 'four'].map(hashOf);
  assert.deepEqual(await sink.wantedLeaves(asked), [false, false, false, true]);
  await sink.commit(await putManifest(sink, ['one', 'three']));
});

test('what an agent sends and somebody else sent before is kept once, acknowledged, and good to build on', async () => {
  const site = new Appliance();
  await site.backUp('web', ['shared']);
  const before = site.store.durableRecords;
  const id = await site.backUp('laptop', ['shared']);
  // The same folder and the same chunk; the manifest of this sample is the same as well.
  assert.equal(site.store.durableRecords, before);
  const source = await site.read(id);
  await source.node(source.manifestHash);
  await source.node(sha256(directoryOf(['shared'])));
  assert.deepEqual(await contentsIn(source, [hashOf('shared')]), [toHex(contentOf('shared'))]);
});

test('an agent that knows the hash of a content of others is not given it', async () => {
  const site = new Appliance();
  await site.backUp('web', ['secret']);
  const source = await site.read(await site.backUp('laptop', ['mine']));
  await source.node(source.manifestHash);
  await source.node(sha256(directoryOf(['mine'])));
  const asked = [hashOf('mine'), hashOf('secret')];
  assert.deepEqual(await contentsIn(source, asked), [toHex(contentOf('mine')), undefined]);
  await assert.rejects(source.node(sha256(directoryOf(['secret']))), (error) => isAppError(error, 'content_missing'));
});

function isIncomplete(error: unknown): boolean {
  return isAppError(error, 'snapshot_incomplete');
}
