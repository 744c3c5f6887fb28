import { createHash } from 'node:crypto';
import { createKeyring, withNewDataKey, withNewDomain } from '#keys';
import {
  type ContentHash,
  type DatasetId,
  type DomainId,
  EntryKind,
  type RecordId,
  type SiteId,
  type SnapshotId,
  type TreeNode,
} from '#model';
import { compressBody, KeyBook, sealLeaf, sealNode } from '#records';
import { systemRandom } from '#runtime';
import { encodeFrame, encodeNode, sha256 } from '#wire';
import type { MemoryStore } from './memory-store.ts';

const by = { random: systemRandom, siteId: new Uint8Array(16) as SiteId, createdSeconds: 1 };
const withDomain = withNewDomain(createKeyring(systemRandom), by);
export const domainId: DomainId = withDomain.domain.domainId;
export const keys = new KeyBook(withNewDataKey(withDomain.keyring, by).keyring);
export const datasetId = new Uint8Array(16).fill(3) as DatasetId;
const context = { keys, domainId, random: systemRandom };

/** Content that differs by name: 2000 bytes. */
function contentOf(name: string): Uint8Array {
  return createHash('shake128', { outputLength: 2000 }).update(name).digest();
}

async function putNode(store: MemoryStore, node: TreeNode): Promise<{ hash: Uint8Array; id: RecordId }> {
  const payload = encodeNode(node);
  const hash = sha256(payload) as ContentHash;
  const sealed = sealNode(context, hash, payload, await compressBody(payload));
  store.put(sealed.bytes);
  return { hash, id: sealed.ids[0] as RecordId };
}

/** Stores a snapshot of folders of files, several files to a frame; the names are the contents. Returns its id. */
export async function putSnapshot(
  store: MemoryStore,
  folders: Readonly<Record<string, readonly string[]>>,
): Promise<SnapshotId> {
  const entries = [];
  for (const [folder, files] of Object.entries(folders)) {
    const contents = files.map(contentOf);
    const hashes = contents.map((content) => sha256(content) as ContentHash);
    for (let at = 0; at < files.length; at += 4) {
      const frame = await compressBody(encodeFrame(contents.slice(at, at + 4)));
      store.put(sealLeaf(context, hashes.slice(at, at + 4), frame).bytes);
    }
    const inside = files.map((name, i) => ({
      name: Buffer.from(name),
      kind: EntryKind.file,
      extents: [{ chunkHash: hashes[i] as Uint8Array, length: 2000 }],
    }));
    const directory = await putNode(store, { type: 'directory', directory: { entries: inside as never } });
    entries.push({ name: Buffer.from(folder), kind: EntryKind.directory, directoryHash: directory.hash });
  }
  const root = await putNode(store, { type: 'directory', directory: { entries: entries as never } });
  const manifest = { format: 1, root: { kind: EntryKind.directory, directoryHash: root.hash } };
  const { id } = await putNode(store, { type: 'manifest', manifest: manifest as never });
  return id as SnapshotId;
}
