import { type Entry, EntryKind, type Manifest } from '#model';
import { AppError } from '#runtime';
import { decodeNode } from '#wire';
import { textOf } from '../path-text.ts';
import { findInDirectory, malformedTree, type NodeReader } from './directory-reader.ts';
import { plainEntry } from './entry-fields.ts';

/** The manifest behind a snapshot's hash. Throws AppError `malformed_tree`, or what the source throws. */
export async function readManifest(nodes: NodeReader, hash: Uint8Array): Promise<Manifest> {
  const node = decodeNode(await nodes.node(hash));
  if (node.type !== 'manifest' || node.manifest.root?.kind !== EntryKind.directory) {
    throw malformedTree('it is not the top of a snapshot');
  }
  return Object.assign(node.manifest, { root: plainEntry(node.manifest.root) });
}

/**
 * The entry at `path`, undefined when there is none. An absolute path is one of the machine that was backed up; a
 * relative one starts at the root of the tree; an empty one is the root. Throws what the source throws.
 */
export async function entryAt(nodes: NodeReader, manifest: Manifest, path: Uint8Array): Promise<Entry | undefined> {
  let entry: Entry | undefined = manifest.root;
  const parts = partsInTree(manifest, textOf(path));
  if (parts === undefined) return undefined;
  for (const part of parts) {
    if (entry === undefined || entry.directoryHash.length === 0) return undefined;
    entry = await findInDirectory(nodes, entry.directoryHash, Buffer.from(part, 'latin1'));
  }
  return entry;
}

/** The same, for a path that must be there: throws AppError `not_in_snapshot`. */
export async function findPath(nodes: NodeReader, manifest: Manifest, path: Uint8Array): Promise<Entry> {
  const entry = await entryAt(nodes, manifest, path);
  if (entry !== undefined) return entry;
  throw new AppError(`the snapshot has no "${Buffer.from(path).toString()}"`, {
    code: 'not_in_snapshot',
    advice: 'See what it has with: sitepair ls SNAPSHOT [PATH].',
  });
}

/** Where the root of the tree stood: '/' when it is virtual. Latin1 text. */
function rootPath(manifest: Manifest): string {
  // The outermost path sorts first.
  const [first] = manifest.paths;
  return manifest.rootIsVirtual || first === undefined ? '/' : textOf(first);
}

function partsInTree(manifest: Manifest, path: string): string[] | undefined {
  const parts = split(path);
  if (!path.startsWith('/')) return parts;
  const top = split(rootPath(manifest));
  return top.every((part, i) => part === parts[i]) ? parts.slice(top.length) : undefined;
}

function split(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.');
}
