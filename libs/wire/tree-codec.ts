import {
  type ContentList,
  childrenOf,
  type Directory,
  type DirectoryIndex,
  idLengths,
  type Manifest,
  type Totals,
  type TreeNode,
} from '#model';
import { codecOf, malformed } from './codec.ts';

interface NodeMessage {
  body?: string;
  directory?: Directory | null;
  directoryIndex?: DirectoryIndex | null;
  contentList?: ContentList | null;
  manifest?: Manifest | null;
}

const nodeCodec = codecOf<NodeMessage>('tree.proto', 'sitepair.tree.v1.Node');

/** Directories nest by hash and never inside one payload, so a payload is one flat message: FORMAT.md section 4. */
export const nodePayloadMaxBytes = 2_097_152;

/** The payload of a node. The same node gives the same bytes, so equal directories are stored once. */
export function encodeNode(node: TreeNode): Uint8Array {
  switch (node.type) {
    case 'directory':
      return nodeCodec.encode({ directory: node.directory });
    case 'directoryIndex':
      return nodeCodec.encode({ directoryIndex: node.directoryIndex });
    case 'contentList':
      return nodeCodec.encode({ contentList: node.contentList });
    case 'manifest':
      return nodeCodec.encode({ manifest: node.manifest });
    default:
      return node satisfies never;
  }
}

const noTotals: Totals = {
  files: 0,
  directories: 0,
  others: 0,
  contentBytes: 0,
  changedWhileRead: 0,
  unreadable: 0,
};

/**
 * Decodes a payload; refuses one that is too large, has no body, names something by what is no hash, or is a manifest
 * without root (`malformed_message`): whoever walks a tree may rely on these. Totals that are absent are zeros.
 */
export function decodeNode(payload: Uint8Array): TreeNode {
  if (payload.length > nodePayloadMaxBytes) throw malformed('tree node: it is too large');
  const node = bodyOf(nodeCodec.decode(payload));
  if (node.type === 'manifest') {
    if (!node.manifest.root) throw malformed('tree node: a manifest has no root');
    node.manifest.totals ??= { ...noTotals };
  }
  const { leafHashes, nodeHashes } = childrenOf(node);
  const isHash = (hash: Uint8Array) => hash.length === idLengths.ContentHash;
  if (!leafHashes.every(isHash) || !nodeHashes.every(isHash)) throw malformed('tree node: a hash has a wrong length');
  return node;
}

function bodyOf(message: NodeMessage): TreeNode {
  if (message.body === 'directory' && message.directory) return { type: 'directory', directory: message.directory };
  if (message.body === 'directoryIndex' && message.directoryIndex) {
    return { type: 'directoryIndex', directoryIndex: message.directoryIndex };
  }
  if (message.body === 'contentList' && message.contentList) {
    return { type: 'contentList', contentList: message.contentList };
  }
  if (message.body === 'manifest' && message.manifest) return { type: 'manifest', manifest: message.manifest };
  throw malformed('tree node: it has no body');
}
