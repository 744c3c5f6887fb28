import { zstdDecompressSync } from 'node:zlib';
import { AppError, equalBytes } from '#runtime';
import type { OutgoingFrame, OutgoingNode, SnapshotSink, SnapshotSource } from '#snapshot';
import { decodeFrame, sha256 } from '#wire';

const keyOf = (hash: Uint8Array) => Buffer.from(hash).toString('latin1');

/** A store in memory behind both ports of the snapshot library: real frames, real hashes, nothing sealed. */
export class MemorySnapshotStore implements SnapshotSink, SnapshotSource {
  readonly chunkContents = new Map<string, Uint8Array>();
  readonly payloads = new Map<string, Uint8Array>();
  readonly frames: { readonly chunks: number; readonly rawBytes: number; readonly compression: 0 | 1 }[] = [];
  /** Hashes of nodes in the order in which they came. */
  readonly putOrder: string[] = [];
  /** When set, called before each answer: tests make it slow or let it fail. */
  beforeAnswer: (() => Promise<void>) | undefined;

  async wantedLeaves(hashes: readonly Uint8Array[]): Promise<boolean[]> {
    await this.beforeAnswer?.();
    return hashes.map((hash) => !this.chunkContents.has(keyOf(hash)));
  }

  async wantedNodes(hashes: readonly Uint8Array[]): Promise<boolean[]> {
    await this.beforeAnswer?.();
    return hashes.map((hash) => !this.payloads.has(keyOf(hash)));
  }

  async putLeaf({ hashes, compression, body }: OutgoingFrame): Promise<void> {
    const raw = compression === 1 ? zstdDecompressSync(body) : Buffer.from(body);
    const chunks = decodeFrame(raw, hashes.length);
    this.frames.push({ chunks: chunks.length, rawBytes: raw.length, compression });
    chunks.forEach((content, i) => {
      const hash = hashes[i] as Uint8Array;
      if (!equalBytes(sha256(content), hash)) throw new Error('a chunk is not what its hash says');
      this.chunkContents.set(keyOf(hash), content);
    });
  }

  async putNode({ hash, compression, body }: OutgoingNode): Promise<void> {
    const payload = compression === 1 ? zstdDecompressSync(body) : Buffer.from(body);
    if (!equalBytes(sha256(payload), hash)) throw new Error('a node is not what its hash says');
    this.payloads.set(keyOf(hash), payload);
    this.putOrder.push(keyOf(hash));
  }

  async node(hash: Uint8Array): Promise<Uint8Array> {
    const payload = this.payloads.get(keyOf(hash));
    if (payload !== undefined) return payload;
    throw new AppError('a node is missing', { code: 'content_missing', advice: 'Heal.' });
  }

  /** In another order than asked for: the store's own, by hash. */
  async *chunks(hashes: readonly Uint8Array[]): AsyncGenerator<{ hash: Uint8Array; content: Uint8Array | undefined }> {
    for (const hash of [...hashes].sort((a, b) => Buffer.compare(a, b))) {
      yield { hash, content: this.chunkContents.get(keyOf(hash)) };
    }
  }
}
