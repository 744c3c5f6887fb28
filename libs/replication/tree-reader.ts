import type { ContentHash, DomainId, Entry, Extent, Manifest, RecordId, TreeNode } from '#model';
import { type KeyBook, openNode } from '#records';
import { decodeNode } from '#wire';
import { contentMissing } from './errors.ts';
import type { RecordStore } from './ports.ts';

/** Indexes and lists of lists nest at most 31 levels (FORMAT.md section 5). */
const levelsMax = 32;

/** A folder or a content list with the nodes that it is made of, in the order in which they were read. */
export interface Flat<Item> {
  readonly nodeIds: RecordId[];
  readonly items: Item[];
}

/** Reads trees of one domain out of the store, by hash. Throws when a node is not here or not good. */
export class TreeReader {
  readonly #store: RecordStore;
  readonly #keys: KeyBook;
  readonly #domainId: DomainId;

  constructor(store: RecordStore, keys: KeyBook, domainId: DomainId) {
    [this.#store, this.#keys, this.#domainId] = [store, keys, domainId];
  }

  async manifest(id: RecordId): Promise<Manifest> {
    const node = await this.#read(id);
    if (node.type !== 'manifest') throw contentMissing('a manifest');
    return node.manifest;
  }

  /** The entries of a folder in the order of their names: at most `itemsMax`, the first ones. */
  async entries(directoryHash: Uint8Array, itemsMax: number): Promise<Flat<Entry>> {
    const flat: Flat<Entry> = { nodeIds: [], items: [] };
    await this.#collect(directoryHash, flat, itemsMax, 0, (node) => {
      if (node.type === 'directory') return { items: node.directory.entries, parts: [] };
      return { items: [], parts: node.type === 'directoryIndex' ? node.directoryIndex.segments : [] };
    });
    return flat;
  }

  /** The extents of a file in order: at most `itemsMax`, the first ones. */
  async extents(entry: Entry, itemsMax: number): Promise<Flat<Extent>> {
    const flat: Flat<Extent> = { nodeIds: [], items: [...entry.extents] };
    if (entry.contentListHash.length === 0) return flat;
    await this.#collect(entry.contentListHash, flat, itemsMax, 0, (node) =>
      node.type === 'contentList'
        ? { items: node.contentList.extents, parts: node.contentList.parts }
        : { items: [], parts: [] },
    );
    return flat;
  }

  leafId(hash: Uint8Array): RecordId {
    return this.#keys.namer(this.#domainId).name('leaf', hash as ContentHash);
  }

  async #collect<Item>(
    hash: Uint8Array,
    flat: Flat<Item>,
    itemsMax: number,
    level: number,
    split: (node: TreeNode) => { readonly items: Item[]; readonly parts: readonly { nodeHash: Uint8Array }[] },
  ): Promise<void> {
    if (level > levelsMax || flat.items.length >= itemsMax) return;
    const id = this.#keys.namer(this.#domainId).name('node', hash as ContentHash);
    flat.nodeIds.push(id);
    const { items, parts } = split(await this.#read(id));
    for (const item of items) if (flat.items.length < itemsMax) flat.items.push(item);
    for (const { nodeHash } of parts) await this.#collect(nodeHash, flat, itemsMax, level + 1, split);
  }

  async #read(id: RecordId): Promise<TreeNode> {
    const record = await this.#store.read(this.#domainId, id);
    if (record === undefined) throw contentMissing('a node of a snapshot');
    return decodeNode(openNode(this.#keys, record).payload);
  }
}
