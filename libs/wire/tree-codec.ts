import type { ContentList, Directory, DirectoryIndex, Manifest, TreeNode } from '#model';
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

/** Decodes a payload; refuses one that is too large or has no body (`malformed_message`). */
export function decodeNode(payload: Uint8Array): TreeNode {
  if (payload.length > nodePayloadMaxBytes) throw malformed('tree node: it is too large');
  const message = nodeCodec.decode(payload);
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
