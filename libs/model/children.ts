import type { Entry, TreeNode } from './tree.ts';

/** The hashes that a node names, as views into it: chunks are leaves, the others nodes. */
export interface Children {
  readonly leafHashes: Uint8Array[];
  readonly nodeHashes: Uint8Array[];
}

/** Lists what `node` refers to, in order, repeats included (FORMAT.md section 4). */
export function childrenOf(node: TreeNode): Children {
  const children: Children = { leafHashes: [], nodeHashes: [] };
  switch (node.type) {
    case 'directory':
      for (const entry of node.directory.entries) addEntry(children, entry);
      break;
    case 'directoryIndex':
      for (const segment of node.directoryIndex.segments) children.nodeHashes.push(segment.nodeHash);
      break;
    case 'contentList':
      for (const extent of node.contentList.extents) addIfSet(children.leafHashes, extent.chunkHash);
      for (const part of node.contentList.parts) children.nodeHashes.push(part.nodeHash);
      break;
    case 'manifest':
      addEntry(children, node.manifest.root);
      break;
    default:
      node satisfies never;
  }
  return children;
}

function addEntry(children: Children, entry: Entry): void {
  for (const extent of entry.extents) addIfSet(children.leafHashes, extent.chunkHash);
  for (const xattr of entry.xattrs) addIfSet(children.leafHashes, xattr.valueHash);
  addIfSet(children.nodeHashes, entry.contentListHash);
  addIfSet(children.nodeHashes, entry.directoryHash);
}

function addIfSet(list: Uint8Array[], hash: Uint8Array): void {
  if (hash.length > 0) list.push(hash);
}
