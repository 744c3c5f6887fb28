/** A frame as it leaves the client: FORMAT.md section 3, compressed already. */
export interface OutgoingFrame {
  /** SHA-256 of each chunk in order. */
  readonly hashes: readonly Uint8Array[];
  /** 0 stored, 1 zstd. */
  readonly compression: 0 | 1;
  readonly body: Uint8Array;
}

/** A node as it leaves the client: the payload whose SHA-256 is `hash`, compressed. */
export interface OutgoingNode {
  readonly hash: Uint8Array;
  readonly compression: 0 | 1;
  readonly body: Uint8Array;
}

/** Where a walk puts what it found: the upload session with the appliance, here or over a line. */
export interface SnapshotSink {
  /** For each hash: does the store lack it? Many calls may be in flight; a call takes at most 4096 hashes. */
  wantedLeaves(hashes: readonly Uint8Array[]): Promise<boolean[]>;
  wantedNodes(hashes: readonly Uint8Array[]): Promise<boolean[]>;
  /** Resolves when the frame is within the unacknowledged window: await it before making the next one. */
  putLeaf(frame: OutgoingFrame): Promise<void>;
  putNode(node: OutgoingNode): Promise<void>;
}

/** Where a restore or a listing reads from. Everything it yields is already checked against its hash. */
export interface SnapshotSource {
  /** Payload of a node. Rejects with AppError `content_missing` when no good copy exists anywhere. */
  node(hash: Uint8Array): Promise<Uint8Array>;
  /**
   * Contents of chunks, in the order that suits the store (not the caller's), each wanted hash once. At most 8192 hashes a call.
   * A chunk of which no good copy exists anywhere comes as `content: undefined`: the caller names the file and goes on.
   */
  chunks(
    hashes: readonly Uint8Array[],
  ): AsyncIterable<{ readonly hash: Uint8Array; readonly content: Uint8Array | undefined }>;
}
