import type { Directory, DirectoryIndex, Entry, TreeNode } from '#model';
import { AppError, compareBytes } from '#runtime';
import { decodeNode } from '#wire';
import { plainEntry } from './entry-fields.ts';
import { treeLimits } from './tree-limits.ts';

/** Where payloads of nodes come from, already checked against their hashes: a SnapshotSource, or any part of one. */
export interface NodeReader {
  node(hash: Uint8Array): Promise<Uint8Array>;
}

/**
 * The entries of a directory in order, segment by segment (at most 4096 entries each). Refuses what FORMAT.md section 5
 * forbids, above all names that could lead out of a folder (AppError `malformed_tree`).
 */
export async function* directorySegments(
  nodes: NodeReader,
  hash: Uint8Array,
): AsyncGenerator<Entry[], void, undefined> {
  let last: Uint8Array | undefined;
  for await (const { entries } of directories(nodes, hash, 0)) {
    for (const { name } of entries) {
      checkName(name);
      if (last !== undefined && compareBytes(last, name) >= 0) throw malformedTree('its names are not in order');
      last = name;
    }
    yield entries.map(plainEntry);
  }
}

async function* directories(nodes: NodeReader, hash: Uint8Array, level: number): AsyncGenerator<Directory> {
  const node = await readFolderNode(nodes, hash, level);
  if (node.type === 'directory') {
    // An index of empty directories would cost a reader time without end for a folder of nothing.
    if (level > 0 && node.directory.entries.length === 0) throw malformedTree('a part of its index is empty');
    return yield node.directory;
  }
  if (node.directoryIndex.segments.length === 0) throw malformedTree('an index of it is empty');
  for (const segment of node.directoryIndex.segments) yield* directories(nodes, segment.nodeHash, level + 1);
}

/** The entry called `name`, by binary search: one node a level of the index. */
export async function findInDirectory(
  nodes: NodeReader,
  hash: Uint8Array,
  name: Uint8Array,
): Promise<Entry | undefined> {
  let at = hash;
  for (let level = 0; ; level++) {
    const node = await readFolderNode(nodes, at, level);
    if (node.type === 'directory') {
      const entry = lastAtOrBefore(node.directory.entries, name, (candidate) => candidate.name);
      return entry !== undefined && compareBytes(entry.name, name) === 0 ? plainEntry(entry) : undefined;
    }
    const segment = lastAtOrBefore(node.directoryIndex.segments, name, (candidate) => candidate.firstName);
    if (segment === undefined) return undefined;
    at = segment.nodeHash;
  }
}

type FolderNode =
  | { readonly type: 'directory'; readonly directory: Directory }
  | { readonly type: 'directoryIndex'; readonly directoryIndex: DirectoryIndex };

async function readFolderNode(nodes: NodeReader, hash: Uint8Array, level: number): Promise<FolderNode> {
  if (level > treeLimits.indexLevels) throw malformedTree('it has indexes without end');
  const node: TreeNode = decodeNode(await nodes.node(hash));
  if (node.type === 'directory' || node.type === 'directoryIndex') return node;
  throw malformedTree(`a ${node.type} stands where a directory must be`);
}

function lastAtOrBefore<T>(items: readonly T[], name: Uint8Array, nameOf: (item: T) => Uint8Array): T | undefined {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareBytes(nameOf(items[middle] as T), name) <= 0) low = middle + 1;
    else high = middle;
  }
  return items[low - 1];
}

const slash = 0x2f;
const dot = 0x2e;

function checkName(name: Uint8Array): void {
  const { length } = name;
  const isDots = (length === 1 && name[0] === dot) || (length === 2 && name[0] === dot && name[1] === dot);
  if (length === 0 || length > treeLimits.nameBytes || isDots || name.includes(slash) || name.includes(0)) {
    throw malformedTree('it holds a name that no file can have');
  }
}

export function malformedTree(what: string): AppError {
  return new AppError(`a directory of the snapshot is malformed: ${what}`, {
    code: 'malformed_tree',
    advice: 'Do not trust this snapshot: run scrub, and restore from another copy.',
  });
}
