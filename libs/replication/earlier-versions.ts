import { type Entry, EntryKind, type RecordId } from '#model';
import { compareBytes, equalBytes, isAppError, type Timers, toHex } from '#runtime';
import { pairExtents } from './pair-extents.ts';
import type { TreeReader } from './tree-reader.ts';

/** Ids of earlier contents that are remembered: about 60 MB. What comes behind is sent without. */
const earlierIdsMax = 2 ** 18;
/** Entries of one folder, and extents of one file (some 50 GB), that are compared. */
const itemsMax = 2 ** 17;
/** Folders that wait for their turn. */
const foldersMax = 2 ** 16;
/** Contents of files that are gone: what came under a new name may be like one of them. */
const goneMax = 4096;
/** How long a content waits for the walk to find its earlier version, in all: a tree of a million changes is not walked first. */
const patienceMs = 5000;

interface FolderPair {
  /** Absent when the folder is gone: then what was in it is gone. */
  readonly is: Uint8Array | undefined;
  readonly was: Uint8Array;
}

export interface EarlierVersionsOptions {
  readonly trees: TreeReader;
  readonly timers: Timers;
  readonly snapshotId: RecordId;
  /** What the receiver has pinned: all of it is there. */
  readonly base: RecordId | undefined;
  readonly signal: AbortSignal;
}

/**
 * Which contents of the base a new content was probably made from: that of the same path at the same place. It walks the two
 * trees side by side, by name, only where they differ, while the first records are on their way already.
 */
export class EarlierVersions {
  readonly #options: EarlierVersionsOptions;
  readonly #earlier = new Map<string, readonly RecordId[]>();
  readonly #folders: FolderPair[] = [];
  readonly #gone: RecordId[] = [];
  readonly #ended: Promise<void>;
  #earlierIds = 0;
  /** Bytes of all files of the snapshot, as its manifest counts them; 0 while nobody knows. */
  contentBytes = 0;

  constructor(options: EarlierVersionsOptions) {
    this.#options = options;
    const ended = Promise.withResolvers<void>();
    this.#ended = ended.promise;
    ended.promise.catch(() => undefined);
    const timer = options.timers.after(patienceMs, () => ended.resolve());
    this.#walk()
      .catch((error) => {
        // What ails a tree here is told by the walk that sends it; a dictionary less costs some bytes only.
        if (!isAppError(error)) throw error;
      })
      .finally(() => timer.cancel())
      .then(ended.resolve, ended.reject);
  }

  /** Those that are worth a look, the whole of an id's place and its neighbours; none for what is new. */
  async of(id: RecordId): Promise<readonly RecordId[]> {
    const key = toHex(id);
    if (!this.#earlier.has(key)) await this.#ended;
    return this.#earlier.get(key) ?? [];
  }

  /** Contents of files that the base has and the snapshot has not. */
  async gone(): Promise<readonly RecordId[]> {
    await this.#ended;
    return this.#gone;
  }

  async #walk(): Promise<void> {
    const { trees, snapshotId, base, signal } = this.#options;
    const is = await trees.manifest(snapshotId);
    this.contentBytes = is.totals?.contentBytes ?? 0;
    if (base === undefined) return;
    const was = await trees.manifest(base);
    this.#put(snapshotId, [base]);
    await this.#compare(is.root, was.root);
    for (let next = this.#folders.pop(); next !== undefined; next = this.#folders.pop()) {
      signal.throwIfAborted();
      if (this.#earlierIds >= earlierIdsMax) return;
      if (next.is === undefined) await this.#take(next.was);
      else await this.#compareFolders(next.is, next.was);
    }
  }

  async #compareFolders(isHash: Uint8Array, wasHash: Uint8Array): Promise<void> {
    const { trees } = this.#options;
    const is = await trees.entries(isHash, itemsMax);
    const was = await trees.entries(wasHash, itemsMax);
    this.#pairNodes(is.nodeIds, was.nodeIds);
    let at = 0;
    for (const entry of is.items) {
      let before = was.items[at];
      for (; before !== undefined && compareBytes(before.name, entry.name) < 0; before = was.items[++at])
        await this.#lose(before);
      if (before === undefined || compareBytes(before.name, entry.name) > 0) continue;
      await this.#compare(entry, before);
      at += 1;
    }
    for (const entry of was.items.slice(at)) await this.#lose(entry);
  }

  async #compare(is: Entry, was: Entry): Promise<void> {
    if (is.kind !== was.kind) return this.#lose(was);
    if (is.kind === EntryKind.directory) {
      if (is.directoryHash.length === 0 || was.directoryHash.length === 0) return;
      if (!equalBytes(is.directoryHash, was.directoryHash))
        this.#later({ is: is.directoryHash, was: was.directoryHash });
    } else if (is.kind === EntryKind.file) await this.#compareFiles(is, was);
  }

  async #compareFiles(is: Entry, was: Entry): Promise<void> {
    if (is.contentListHash.length > 0 && equalBytes(is.contentListHash, was.contentListHash)) return;
    const { trees } = this.#options;
    const [after, before] = [await trees.extents(is, itemsMax), await trees.extents(was, itemsMax)];
    this.#pairNodes(after.nodeIds, before.nodeIds);
    for (const { hash, earlier } of pairExtents(before.items, after.items))
      if (earlier.length > 0)
        this.#put(
          trees.leafId(hash),
          earlier.map((one) => trees.leafId(one)),
        );
  }

  /** The parts of a folder or a list that changed go with those that are no more, in their order, and with their neighbours. */
  #pairNodes(is: readonly RecordId[], was: readonly RecordId[]): void {
    const [here, there] = [new Set(is.map(toHex)), new Set(was.map(toHex))];
    const replaced = was.filter((id) => !here.has(toHex(id)));
    const fresh = is.filter((id) => !there.has(toHex(id)));
    for (const [i, id] of fresh.entries()) {
      const at = Math.min(i, replaced.length - 1);
      if (at >= 0) this.#put(id, replaced.slice(Math.max(0, at - 1), at + 2));
    }
  }

  async #lose(entry: Entry): Promise<void> {
    if (this.#gone.length >= goneMax) return;
    if (entry.kind === EntryKind.directory && entry.directoryHash.length > 0)
      this.#later({ is: undefined, was: entry.directoryHash });
    if (entry.kind !== EntryKind.file) return;
    const { trees } = this.#options;
    for (const { chunkHash } of (await trees.extents(entry, goneMax)).items)
      if (chunkHash.length > 0 && this.#gone.length < goneMax) this.#gone.push(trees.leafId(chunkHash));
  }

  async #take(goneFolder: Uint8Array): Promise<void> {
    for (const entry of (await this.#options.trees.entries(goneFolder, goneMax)).items) await this.#lose(entry);
  }

  #later(folders: FolderPair): void {
    if (this.#folders.length < foldersMax) this.#folders.push(folders);
  }

  #put(id: RecordId, earlier: readonly RecordId[]): void {
    if (this.#earlierIds >= earlierIdsMax) return;
    this.#earlierIds += earlier.length;
    this.#earlier.set(toHex(id), earlier);
  }
}
