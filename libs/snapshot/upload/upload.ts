import type { SnapshotSink } from '../ports.ts';
import { LeafUpload } from './leaf-upload.ts';
import { NodeUpload } from './node-upload.ts';
import { UploadBudget } from './upload-budget.ts';

/** What an upload sent so far. */
export interface UploadCounts {
  readonly newChunks: number;
  /** Before compression. */
  readonly newBytes: number;
  readonly newNodes: number;
  /** Bodies of frames and nodes, compressed. */
  readonly sentBytes: number;
}

/** The way of one snapshot's chunks and nodes to the sink. Synchronous to add to; `room` is where the caller waits. */
export class Upload {
  readonly #budget = new UploadBudget();
  readonly #leaves: LeafUpload;
  readonly #nodes: NodeUpload;

  constructor(sink: SnapshotSink) {
    this.#leaves = new LeafUpload(sink, this.#budget);
    this.#nodes = new NodeUpload(sink, this.#budget, this.#leaves);
  }

  /** Takes a chunk of 1 byte to 2 MiB, copied; returns its hash. */
  readonly chunk = (content: Uint8Array): Uint8Array => this.#leaves.add(content);

  /** Takes a node's payload; returns its hash. Children come before parents. */
  readonly node = (payload: Uint8Array): Uint8Array => this.#nodes.add(payload);

  /** Resolves when there is room for more (about 32 MiB are held); rejects once the upload has failed. */
  room(): Promise<void> {
    return this.#budget.room();
  }

  throwIfFailed(): void {
    this.#budget.throwIfFailed();
  }

  /** Resolves when everything is with the sink; the node added last is put last. */
  async finish(): Promise<void> {
    await this.#leaves.settle();
    await this.#nodes.finish();
    this.#budget.throwIfFailed();
  }

  get counts(): UploadCounts {
    const { newChunks, newBytes, sentBytes } = this.#leaves;
    return { newChunks, newBytes, newNodes: this.#nodes.newNodes, sentBytes: sentBytes + this.#nodes.sentBytes };
  }
}
