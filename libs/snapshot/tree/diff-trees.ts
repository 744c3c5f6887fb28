import { type Entry, EntryKind } from '#model';
import { compareBytes, equalBytes } from '#runtime';
import { bytesOf, joinPath, textOf } from '../path-text.ts';
import { directorySegments, type NodeReader } from './directory-reader.ts';

export type Change = 'added' | 'removed' | 'content' | 'metadata' | 'kind';

export interface Difference {
  /** Relative to the two entries that are compared. */
  readonly path: Uint8Array;
  readonly change: Change;
  readonly before: Entry | undefined;
  readonly after: Entry | undefined;
}

/** One side of a comparison. */
export interface TreeSide {
  readonly nodes: NodeReader;
  readonly entry: Entry;
}

interface Pair {
  readonly path: string;
  readonly before: Entry | undefined;
  readonly after: Entry | undefined;
}

/**
 * What differs below two directories, in the order of a walk. Directories of equal hash are not read, so the cost is that
 * of the difference. Inode numbers, device order and change times are no difference.
 */
export async function* diffTrees(before: TreeSide, after: TreeSide): AsyncGenerator<Difference, void, undefined> {
  // A stack of its own: nested generators would pass each difference through every level.
  const stack = [pairs(before, after, { path: '', before: before.entry, after: after.entry })];
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    const next = await top.next();
    if (next.done === true) {
      stack.pop();
      continue;
    }
    const pair = next.value;
    const change = changeOf(pair);
    if (change !== undefined) yield { ...pair, path: bytesOf(pair.path), change };
    if (isEnteredFor(pair)) stack.push(pairs(before, after, pair));
  }
}

/** The entries of two directories side by side, in the order of names. */
async function* pairs(before: TreeSide, after: TreeSide, { path, ...at }: Pair): AsyncGenerator<Pair> {
  const left = entriesOf(before.nodes, at.before);
  const right = entriesOf(after.nodes, at.after);
  let a = await left.next();
  let b = await right.next();
  while (a.done !== true || b.done !== true) {
    const order = a.done === true ? 1 : b.done === true ? -1 : compareBytes(a.value.name, b.value.name);
    const was = order <= 0 && a.done !== true ? a.value : undefined;
    const is = order >= 0 && b.done !== true ? b.value : undefined;
    yield { path: joinPath(path, textOf((was ?? is)?.name ?? new Uint8Array(0))), before: was, after: is };
    if (was !== undefined) a = await left.next();
    if (is !== undefined) b = await right.next();
  }
}

async function* entriesOf(nodes: NodeReader, entry: Entry | undefined): AsyncGenerator<Entry, void, undefined> {
  if (entry?.kind !== EntryKind.directory || entry.directoryHash.length === 0) return;
  for await (const entries of directorySegments(nodes, entry.directoryHash)) yield* entries;
}

function isEnteredFor({ before, after }: Pair): boolean {
  const wasFolder = before?.kind === EntryKind.directory;
  const isFolder = after?.kind === EntryKind.directory;
  if (wasFolder && isFolder) return !equalBytes(before.directoryHash, after.directoryHash);
  return wasFolder || isFolder;
}

function changeOf({ before, after }: Pair): Change | undefined {
  if (before === undefined) return 'added';
  if (after === undefined) return 'removed';
  if (before.kind !== after.kind) return 'kind';
  if (contentOf(before) !== contentOf(after)) return 'content';
  return metadataOf(before) === metadataOf(after) ? undefined : 'metadata';
}

function contentOf(entry: Entry): string {
  const extents = entry.extents.map(({ chunkHash, length }) => `${textOf(chunkHash)}${length}`);
  const device = `${entry.deviceMajor}:${entry.deviceMinor}`;
  return [entry.size, entry.state, textOf(entry.contentListHash), textOf(entry.linkTarget), device, ...extents].join();
}

function metadataOf(entry: Entry): string {
  const xattrs = entry.xattrs.map(({ name, value, valueHash }) => [name, value, valueHash].map(textOf));
  const owner = [entry.uid, entry.gid, textOf(entry.user), textOf(entry.group)];
  return JSON.stringify([entry.mode, owner, entry.modifiedSeconds, entry.modifiedNanos, xattrs]);
}
