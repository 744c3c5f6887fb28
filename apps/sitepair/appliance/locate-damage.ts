import type { ContentHash, DomainId, Entry, RecordId, SnapshotId, TreeNode } from '#model';
import { type KeyBook, openNode } from '#records';
import type { RecordStore } from '#replication';
import { isAppError, toHex } from '#runtime';
import { decodeNode } from '#wire';

/** A snapshot to look through, with the name to show. */
export interface SearchedSnapshot {
  readonly snapshotId: SnapshotId;
  readonly domainId: DomainId;
  readonly name: string;
}

export interface AffectedPath {
  readonly snapshot: string;
  readonly path: string;
}

/** Paths named at most: whoever has more damage than this restores whole snapshots. */
const pathsMax = 200;

/**
 * Names the files and folders that would suffer from the loss of `damaged` (ids in hexadecimal), snapshot by snapshot.
 * Subtrees that one snapshot shares with another are looked through once, under the newest name.
 */
export async function locateDamage(
  store: RecordStore,
  keys: KeyBook,
  snapshots: readonly SearchedSnapshot[],
  damaged: ReadonlySet<string>,
): Promise<AffectedPath[]> {
  const affected: AffectedPath[] = [];
  const seen = new Set<string>();
  for (const snapshot of snapshots) {
    const search = new Search(store, keys, snapshot, damaged, seen, affected);
    await search.node(snapshot.snapshotId, '');
    if (affected.length >= pathsMax) break;
  }
  return affected.slice(0, pathsMax);
}

class Search {
  readonly #store: RecordStore;
  readonly #keys: KeyBook;
  readonly #snapshot: SearchedSnapshot;
  readonly #damaged: ReadonlySet<string>;
  readonly #seen: Set<string>;
  readonly #affected: AffectedPath[];

  constructor(
    store: RecordStore,
    keys: KeyBook,
    snapshot: SearchedSnapshot,
    damaged: ReadonlySet<string>,
    seen: Set<string>,
    affected: AffectedPath[],
  ) {
    this.#store = store;
    this.#keys = keys;
    this.#snapshot = snapshot;
    this.#damaged = damaged;
    this.#seen = seen;
    this.#affected = affected;
  }

  async node(id: RecordId, path: string): Promise<void> {
    const key = toHex(id);
    if (this.#damaged.has(key)) return this.#hit(path);
    if (this.#seen.has(key) || this.#affected.length >= pathsMax) return;
    this.#seen.add(key);
    const tree = await this.#open(id);
    if (tree === undefined) return this.#hit(path);
    switch (tree.type) {
      case 'manifest':
        return this.#entry(tree.manifest.root, path);
      case 'directory':
        for (const entry of tree.directory.entries)
          await this.#entry(entry, `${path}/${Buffer.from(entry.name).toString()}`);
        return;
      case 'directoryIndex':
        for (const segment of tree.directoryIndex.segments) await this.node(this.#name('node', segment.nodeHash), path);
        return;
      case 'contentList':
        if (tree.contentList.extents.some((extent) => this.#isDamagedChunk(extent.chunkHash))) return this.#hit(path);
        for (const part of tree.contentList.parts) await this.node(this.#name('node', part.nodeHash), path);
        return;
      default:
        tree satisfies never;
    }
  }

  async #entry(entry: Entry, path: string): Promise<void> {
    const chunks = [
      ...entry.extents.map((extent) => extent.chunkHash),
      ...entry.xattrs.map((xattr) => xattr.valueHash),
    ];
    if (chunks.some((hash) => this.#isDamagedChunk(hash))) this.#hit(path);
    if (entry.contentListHash.length > 0) await this.node(this.#name('node', entry.contentListHash), path);
    if (entry.directoryHash.length > 0) await this.node(this.#name('node', entry.directoryHash), path);
  }

  #isDamagedChunk(hash: Uint8Array): boolean {
    return hash.length > 0 && this.#damaged.has(toHex(this.#name('leaf', hash)));
  }

  #name(kind: 'leaf' | 'node', hash: Uint8Array): RecordId {
    return this.#keys.namer(this.#snapshot.domainId).name(kind, hash as ContentHash);
  }

  #hit(path: string): void {
    this.#affected.push({ snapshot: this.#snapshot.name, path: path === '' ? '/' : path });
  }

  /** Undefined when the node is not here or not good: then all below it is hurt. */
  async #open(id: RecordId): Promise<TreeNode | undefined> {
    try {
      const record = await this.#store.read(this.#snapshot.domainId, id);
      return record && decodeNode(openNode(this.#keys, record).payload);
    } catch (error) {
      if (isAppError(error, 'record_damaged')) return undefined;
      throw error;
    }
  }
}
