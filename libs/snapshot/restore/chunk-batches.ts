import type { Extent } from '#model';
import type { Breather } from '../breather.ts';
import { textOf } from '../path-text.ts';
import type { SnapshotSource } from '../ports.ts';
import type { FileJob, FileWriter } from './file-writer.ts';

// A source takes at most 8192 hashes; enough content that it can read its packs in order; few enough files with several
// chunks, since those stay open meanwhile.
const hashesMax = 8192;
const wantsMax = 16_384;
const bytesMax = 67_108_864;
const openFilesMax = 256;

interface Want {
  readonly job: FileJob;
  readonly offset: number;
  readonly length: number;
}

class ChunkBatch {
  readonly wants = new Map<string, Want[]>();
  readonly hashes: Uint8Array[] = [];
  readonly #largeFiles = new Set<FileJob>();
  #wantCount = 0;
  #bytes = 0;

  add(job: FileJob, extent: Extent, offset: number): void {
    const key = textOf(extent.chunkHash);
    const want = { job, offset, length: extent.length };
    const same = this.wants.get(key);
    if (same !== undefined) same.push(want);
    else {
      this.wants.set(key, [want]);
      this.hashes.push(extent.chunkHash);
      this.#bytes += extent.length;
    }
    this.#wantCount += 1;
    if (extent.length < job.entry.size) this.#largeFiles.add(job);
  }

  get isFull(): boolean {
    const much = this.#bytes >= bytesMax || this.#largeFiles.size >= openFilesMax;
    return much || this.hashes.length >= hashesMax || this.#wantCount >= wantsMax;
  }
}

/** Gathers the chunks that files want, over many files, so that the source can give them in its own order. */
export class ChunkBatches {
  readonly #source: SnapshotSource;
  readonly #writer: FileWriter;
  readonly #breather: Breather;
  #filling = new ChunkBatch();
  /** One batch is being read while the next is gathered. */
  #reading: Promise<void> = Promise.resolve();

  constructor(source: SnapshotSource, writer: FileWriter, breather: Breather) {
    this.#source = source;
    this.#writer = writer;
    this.#breather = breather;
  }

  /** Resolves when the walk may go on; rejects with the source's failure. */
  async add(job: FileJob, extent: Extent, offset: number): Promise<void> {
    job.missing += 1;
    this.#filling.add(job, extent, offset);
    if (this.#filling.isFull) await this.#next();
  }

  /** Resolves when every chunk was written, or its file given up. */
  async finish(): Promise<void> {
    await this.#next();
    await this.#reading;
  }

  /** Resolves when nothing is being written any more, however it ended. */
  async idle(): Promise<void> {
    await Promise.allSettled([this.#reading]);
  }

  async #next(): Promise<void> {
    const batch = this.#filling;
    this.#filling = new ChunkBatch();
    await this.#reading;
    this.#reading = this.#read(batch);
    // It is awaited by the next one; until then its failure must not count as unhandled.
    this.#reading.catch(() => undefined);
  }

  async #read(batch: ChunkBatch): Promise<void> {
    if (batch.hashes.length === 0) return;
    for await (const { hash, content } of this.#source.chunks(batch.hashes)) {
      await this.#breather.pause();
      const key = textOf(hash);
      const wants = batch.wants.get(key) ?? [];
      batch.wants.delete(key);
      for (const want of wants) this.#write(want, content);
    }
    for (const wants of batch.wants.values()) for (const want of wants) this.#write(want, undefined);
  }

  #write({ job, offset, length }: Want, content: Uint8Array | undefined): void {
    if (content === undefined) {
      this.#writer.fail(job, 'content_missing', 'a part of its content is lost: no good copy of it was found');
    } else if (content.length !== length) {
      this.#writer.fail(job, 'malformed_tree', 'a part of its content has another length than the snapshot says');
    } else this.#writer.write(job, offset, content);
  }
}
