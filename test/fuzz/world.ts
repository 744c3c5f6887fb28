import { createIdentity, createKeyring, type Keyring, type SiteIdentity, withNewDataKey, withNewDomain } from '#keys';
import { type ContentHash, type DomainId, EntryKind, type Manifest, type SnapshotId, type TreeNode } from '#model';
import { compressBody, KeyBook, type SealContext, sealLeaf, sealNode } from '#records';
import { encodeFrame, encodeNode, type RecordView, sha256 } from '#wire';
import { MemoryRecords } from './memory-records.ts';
import { SeededRandom } from './seeded-random.ts';
import { aManifest, anEntry } from './tree-parts.ts';

/** A frame and a node as a client sends them. */
export interface WorldFrame {
  readonly hashes: readonly Uint8Array[];
  readonly compression: 0 | 1;
  readonly body: Uint8Array;
}
export interface WorldNode {
  readonly hash: Uint8Array;
  readonly payload: Uint8Array;
  readonly compression: 0 | 1;
  readonly body: Uint8Array;
}

/** One snapshot with every kind of node, its keys, and its records as they lie in a store: the same in every run. */
export interface World {
  readonly identity: SiteIdentity;
  readonly keyring: Keyring;
  readonly keys: KeyBook;
  readonly domainId: DomainId;
  readonly context: SealContext;
  readonly frames: readonly WorldFrame[];
  /** Children before parents; the manifest last. */
  readonly nodes: readonly WorldNode[];
  readonly manifest: Manifest;
  readonly manifestHash: Uint8Array;
  readonly snapshotId: SnapshotId;
  readonly records: readonly RecordView[];
  /** A store that holds all of it. */
  filled(): MemoryRecords;
}

export async function makeWorld(): Promise<World> {
  const random = new SeededRandom('world', 1);
  const identity = createIdentity(random);
  const by = { random, siteId: identity.siteId, createdSeconds: 1_700_000_000 };
  const { keyring: withDomain, domain } = withNewDomain(createKeyring(random), by);
  const { keyring } = withNewDataKey(withDomain, by);
  const keys = new KeyBook(keyring);
  const context = { keys, domainId: domain.domainId, random };
  const chunks = [40, 3000, 70_000, 150_000].map((length) => random.bytes(length));
  const [small, ...large] = chunks.map((chunk) => ({ chunkHash: sha256(chunk), length: chunk.length }));
  const frames: WorldFrame[] = [];
  for (const group of [chunks.slice(0, 2), chunks.slice(2)]) {
    frames.push({ hashes: group.map(sha256), ...(await compressBody(encodeFrame(group))) });
  }
  const nodes: WorldNode[] = [];
  const add = async (node: TreeNode): Promise<Uint8Array> => {
    const payload = encodeNode(node);
    nodes.push({ hash: sha256(payload), payload, ...(await compressBody(payload)) });
    return sha256(payload);
  };
  const size = large.reduce((sum, { length }) => sum + length, 0);
  const list = await add({ type: 'contentList', contentList: { extents: large, parts: [] } });
  const lists = await add({
    type: 'contentList',
    contentList: { extents: [], parts: [{ nodeHash: list, length: size }] },
  });
  const inner = await add({
    type: 'directory',
    directory: {
      entries: [
        anEntry('large', EntryKind.file, { size, contentListHash: lists }),
        anEntry('link', EntryKind.symlink, { linkTarget: Buffer.from('../small') }),
        anEntry('pipe', EntryKind.fifo),
      ],
    },
  });
  const segment = await add({
    type: 'directory',
    directory: {
      entries: [
        anEntry('inner', EntryKind.directory, { directoryHash: inner }),
        anEntry('small', EntryKind.file, {
          size: small?.length ?? 0,
          extents: small === undefined ? [] : [small],
          xattrs: [{ name: Buffer.from('user.a'), value: Buffer.from('1'), valueHash: new Uint8Array(0) }],
        }),
      ],
    },
  });
  const top = await add({
    type: 'directoryIndex',
    directoryIndex: { segments: [{ firstName: Buffer.from('inner'), nodeHash: segment, entryCount: 2 }] },
  });
  const manifest = aManifest(identity.siteId, anEntry('', EntryKind.directory, { directoryHash: top }));
  const manifestHash = await add({ type: 'manifest', manifest });
  const records = [
    ...frames.map((frame) => sealLeaf(context, frame.hashes as ContentHash[], frame)),
    ...nodes.map((node) => sealNode(context, node.hash as ContentHash, node.payload, node)),
  ];
  return {
    identity,
    keyring,
    keys,
    domainId: domain.domainId,
    context,
    frames,
    nodes,
    manifest,
    manifestHash,
    snapshotId: keys.namer(domain.domainId).name('node', manifestHash as ContentHash) as SnapshotId,
    records,
    filled() {
      const store = new MemoryRecords();
      for (const { bytes } of records) store.put(bytes);
      return store;
    },
  };
}
