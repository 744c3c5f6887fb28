import type { ContentList, Entry, Extent } from '#model';
import { AppError } from '#runtime';
import { chunkMaxBytes, decodeNode } from '#wire';
import type { NodeReader } from './directory-reader.ts';
import { treeLimits } from './tree-limits.ts';

const hashBytes = 32;
// 256 to the sixth extents: lists above lists end long before.
const listLevelsMax = 6;

/**
 * The extents of a file in order, list by list. Refuses lengths that a chunk cannot have, and a sum that is not the entry's
 * size (AppError `malformed_tree`, when it shows: the size only after the last extent).
 */
export async function* extentsOf(nodes: NodeReader, entry: Entry): AsyncGenerator<Extent[], void, undefined> {
  let length = 0;
  for await (const extents of extentLists(nodes, entry)) {
    for (const extent of extents) {
      checkExtent(extent);
      length += extent.length;
    }
    if (length > entry.size) throw malformedContent('it holds more than its size');
    yield extents;
  }
  if (length !== entry.size) throw malformedContent('it holds less than its size');
}

async function* extentLists(nodes: NodeReader, entry: Entry): AsyncGenerator<Extent[]> {
  if (entry.contentListHash.length === 0) return yield entry.extents;
  if (entry.extents.length > 0) throw malformedContent('it has both a list and extents of its own');
  for await (const list of lists(nodes, entry.contentListHash, 0)) yield list.extents;
}

async function* lists(nodes: NodeReader, hash: Uint8Array, level: number): AsyncGenerator<ContentList> {
  const node = decodeNode(await nodes.node(hash));
  if (node.type !== 'contentList' || level > listLevelsMax) throw malformedContent('its lists lead nowhere');
  const { contentList } = node;
  if (contentList.extents.length > treeLimits.partMax) throw malformedContent('a list of it is too long');
  // Lists of empty lists would cost a reader time without end for a file of nothing.
  if (level > 0 && contentList.extents.length + contentList.parts.length === 0)
    throw malformedContent('a part of its list is empty');
  if (contentList.parts.length === 0) return yield contentList;
  for (const part of contentList.parts) yield* lists(nodes, part.nodeHash, level + 1);
}

function checkExtent(extent: Extent): void {
  const isZeros = extent.chunkHash.length === 0;
  const longest = isZeros ? Number.MAX_SAFE_INTEGER : chunkMaxBytes;
  const goodHash = isZeros || extent.chunkHash.length === hashBytes;
  if (!goodHash || !(extent.length > 0 && extent.length <= longest)) throw malformedContent('an extent is impossible');
}

function malformedContent(what: string): AppError {
  return new AppError(`the content of a file in the snapshot is malformed: ${what}`, {
    code: 'malformed_tree',
    advice: 'Do not trust this snapshot: run scrub, and restore from another copy.',
  });
}
