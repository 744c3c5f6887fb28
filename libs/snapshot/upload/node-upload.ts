import { sha256 } from '#wire';
import type { OutgoingNode, SnapshotSink } from '../ports.ts';
import { answersTo } from './answers.ts';
import { compressBody } from './compress-body.ts';
import type { LeafUpload } from './leaf-upload.ts';
import { RecentHashes } from './recent-hashes.ts';
import type { UploadBudget } from './upload-budget.ts';

const batchBytes = 1_048_576;
const batchNodesMax = 1024;
const recentSlots = 2 ** 16;

interface HashedPayload {
  readonly hash: Uint8Array;
  readonly payload: Uint8Array;
}

/**
 * Takes nodes in the order of the walk, children before parents, and keeps that order: a node leaves after everything
 * that was added before it, so what a store holds after a broken upload is whole from below.
 */
export class NodeUpload {
  readonly #sink: SnapshotSink;
  readonly #budget: UploadBudget;
  readonly #leaves: LeafUpload;
  readonly #recent = new RecentHashes(recentSlots);
  #batch: HashedPayload[] = [];
  #batchBytes = 0;
  #tail: Promise<void> = Promise.resolve();
  newNodes = 0;
  sentBytes = 0;

  constructor(sink: SnapshotSink, budget: UploadBudget, leaves: LeafUpload) {
    this.#sink = sink;
    this.#budget = budget;
    this.#leaves = leaves;
  }

  /** Hashes a payload and takes it on its way. */
  add(payload: Uint8Array): Uint8Array {
    const hash = sha256(payload);
    if (this.#recent.seen(hash)) return hash;
    this.#batch.push({ hash, payload });
    this.#batchBytes += payload.length;
    this.#budget.hold(payload.length);
    if (this.#batchBytes >= batchBytes || this.#batch.length === batchNodesMax) this.#dispatch();
    return hash;
  }

  /** Resolves when all nodes have been put. */
  async finish(): Promise<void> {
    this.#dispatch();
    await this.#tail;
  }

  #dispatch(): void {
    const batch = this.#batch;
    if (batch.length === 0) return;
    const bytes = this.#batchBytes;
    this.#batch = [];
    this.#batchBytes = 0;
    const wanted = answersTo(
      batch.map((node) => node.hash),
      (hashes) => this.#sink.wantedNodes(hashes),
    );
    // It is awaited in its turn; a rejection before that must not count as unhandled.
    wanted.catch((error: unknown) => this.#budget.fail(error));
    this.#tail = this.#tail
      .then(() => this.#deliver(batch, wanted))
      .catch((error: unknown) => this.#budget.fail(error))
      .then(() => this.#budget.release(bytes));
  }

  async #deliver(batch: readonly HashedPayload[], answers: Promise<boolean[]>): Promise<void> {
    const wanted = await answers;
    const missing = batch.filter((_, i) => wanted[i]);
    if (missing.length === 0) return;
    await this.#leaves.settle();
    for (const { hash, payload } of missing) {
      // After a failure nothing more is put: a parent must not arrive without what failed before it.
      this.#budget.throwIfFailed();
      const node: OutgoingNode = { hash, ...(await compressBody(payload)) };
      await this.#sink.putNode(node);
      this.newNodes += 1;
      this.sentBytes += node.body.length;
    }
  }
}
