import { type Entry, EntryKind } from '#model';
import { bytesOf, joinPath, textOf } from '../path-text.ts';
import { directorySegments, malformedTree, type NodeReader } from './directory-reader.ts';
import { treeLimits } from './tree-limits.ts';

/** An entry and where it is, relative to where the walk began. */
export interface WalkedEntry {
  readonly path: Uint8Array;
  readonly entry: Entry;
}

interface Level {
  readonly path: string;
  readonly segments: AsyncGenerator<Entry[]>;
  entries: Entry[];
  at: number;
}

/**
 * Everything below `start` (itself not), folders before what is in them, names in memcmp order. One segment a level is
 * in memory. Throws what the source throws when a directory is lost.
 */
export async function* walkEntries(nodes: NodeReader, start: Entry): AsyncGenerator<WalkedEntry, void, undefined> {
  const levels: Level[] = [];
  const enter = (path: string, entry: Entry) => {
    if (entry.directoryHash.length === 0) return;
    if (levels.length >= treeLimits.depth) throw malformedTree('it is deeper than any can be');
    levels.push({ path, segments: directorySegments(nodes, entry.directoryHash), entries: [], at: 0 });
  };
  enter('', start);
  for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
    const entry = level.entries[level.at];
    if (entry === undefined) {
      const next = await level.segments.next();
      if (next.done === true) levels.pop();
      else Object.assign(level, { entries: next.value, at: 0 });
      continue;
    }
    level.at += 1;
    const path = joinPath(level.path, textOf(entry.name));
    yield { path: bytesOf(path), entry };
    if (entry.kind === EntryKind.directory) enter(path, entry);
  }
}

/** What `ls` shows of an entry: what is in it when it is a directory, else itself. */
export async function* listTree(nodes: NodeReader, entry: Entry): AsyncGenerator<Entry, void, undefined> {
  if (entry.kind !== EntryKind.directory) yield entry;
  else if (entry.directoryHash.length > 0) {
    for await (const entries of directorySegments(nodes, entry.directoryHash)) yield* entries;
  }
}
