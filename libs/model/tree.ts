/** The decoded forms of `proto/tree.proto`; field by field as described there and in FORMAT.md section 5. */

export const EntryKind = {
  file: 1,
  directory: 2,
  symlink: 3,
  fifo: 4,
  characterDevice: 5,
  blockDevice: 6,
  socket: 7,
} as const;
export type EntryKind = (typeof EntryKind)[keyof typeof EntryKind];

export const EntryState = { good: 0, changedWhileRead: 1, unreadable: 2 } as const;
export type EntryState = (typeof EntryState)[keyof typeof EntryState];

/** A run of a file. An empty chunkHash means zeros. */
export interface Extent {
  chunkHash: Uint8Array;
  length: number;
}

export interface Xattr {
  name: Uint8Array;
  value: Uint8Array;
  /** Not empty: the value is the chunk of this hash. */
  valueHash: Uint8Array;
}

/** Absent bytes are empty, absent numbers 0, absent lists empty. */
export interface Entry {
  name: Uint8Array;
  kind: EntryKind;
  mode: number;
  uid: number;
  gid: number;
  user: Uint8Array;
  group: Uint8Array;
  modifiedSeconds: number;
  modifiedNanos: number;
  size: number;
  extents: Extent[];
  contentListHash: Uint8Array;
  directoryHash: Uint8Array;
  linkTarget: Uint8Array;
  deviceMajor: number;
  deviceMinor: number;
  xattrs: Xattr[];
  /** 8 bytes, little-endian. */
  inode: Uint8Array;
  links: number;
  fileSystem: number;
  changedSeconds: number;
  changedNanos: number;
  state: EntryState;
}

export interface Directory {
  entries: Entry[];
}

export interface DirectorySegment {
  firstName: Uint8Array;
  nodeHash: Uint8Array;
  entryCount: number;
}

export interface DirectoryIndex {
  segments: DirectorySegment[];
}

export interface ContentListPart {
  nodeHash: Uint8Array;
  length: number;
}

export interface ContentList {
  extents: Extent[];
  parts: ContentListPart[];
}

export interface Totals {
  files: number;
  directories: number;
  others: number;
  contentBytes: number;
  changedWhileRead: number;
  unreadable: number;
}

export interface Problem {
  path: Uint8Array;
  code: string;
  what: string;
}

export interface Manifest {
  format: number;
  siteId: Uint8Array;
  datasetId: Uint8Array;
  datasetName: string;
  host: string;
  paths: Uint8Array[];
  root: Entry;
  rootIsVirtual: boolean;
  startedSeconds: number;
  startedNanos: number;
  finishedSeconds: number;
  finishedNanos: number;
  totals: Totals;
  problems: Problem[];
  excludePatterns: string[];
  oneFileSystem: boolean;
  softwareVersion: string;
}

/** What a node's payload decodes to: exactly one of these. */
export type TreeNode =
  | { readonly type: 'directory'; readonly directory: Directory }
  | { readonly type: 'directoryIndex'; readonly directoryIndex: DirectoryIndex }
  | { readonly type: 'contentList'; readonly contentList: ContentList }
  | { readonly type: 'manifest'; readonly manifest: Manifest };
