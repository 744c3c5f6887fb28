import { readSync } from 'node:fs';
import { Chunker } from '#chunker';
import { dataRanges } from '#posix';
import { ContentWriter, type WrittenContent } from '../tree/content-writer.ts';
import type { SnapshotRun } from './snapshot-run.ts';

// Half of it is scanned again on average when a chunk goes on beyond it; all of it stays in the processor's cache.
const readBytes = 2_097_152;
// Shorter holes are read as the zeros they are: a disk image full of small ones would fall apart into tiny chunks.
const holeMinBytes = 1_048_576;

export interface Range {
  readonly start: number;
  readonly end: number;
}

/** What a file held: `length` is less than asked for when it ended early. */
export type CutContent = WrittenContent;

/** Reads contents, cuts them into chunks and gives those to the upload. One content at a time. */
export class ContentCutter {
  readonly #chunker: Chunker;
  readonly #run: SnapshotRun;

  constructor(chunkerKey: Uint8Array, run: SnapshotRun) {
    this.#chunker = Chunker.create(chunkerKey);
    this.#run = run;
  }

  /** Throws what ended the snapshot, if it has ended: an error of the sink may look like one of a file. */
  throwIfEnded(): void {
    this.#run.throwIfEnded();
  }

  /** The first `size` bytes of an open file; holes are not read when `hasHoles`. Throws what reading throws. */
  async cutFile(fd: number, size: number, hasHoles: boolean): Promise<CutContent> {
    const content = new ContentWriter(this.#run.upload.node);
    for (const { start, end } of hasHoles ? withoutSmallHoles(dataRanges(fd, size)) : [{ start: 0, end: size }]) {
      content.addZeros(start - content.length);
      await this.#cutRange(fd, { start, end }, content);
      if (content.length < end) return content.finish();
    }
    content.addZeros(size - content.length);
    return content.finish();
  }

  /** Everything that a stream brings. */
  async cutStream(stream: AsyncIterable<Uint8Array>): Promise<CutContent> {
    const content = new ContentWriter(this.#run.upload.node);
    const { input } = this.#chunker;
    let end = 0;
    for await (let piece of stream) {
      while (piece.length > 0) {
        const part = piece.subarray(0, readBytes);
        input.set(part, end);
        piece = piece.subarray(part.length);
        end += part.length;
        this.#run.statistics.bytesRead += part.length;
        // The window holds a read beside the longest chunk many times over, so it is emptied at every read.
        const rest = await this.#cutWindow(0, end, false, content);
        input.copyWithin(0, rest, end);
        end -= rest;
      }
    }
    await this.#cutWindow(0, end, true, content);
    return content.finish();
  }

  async #cutRange(fd: number, range: Range, content: ContentWriter): Promise<void> {
    const { input } = this.#chunker;
    let start = 0;
    let end = 0;
    for (let at = range.start; ; ) {
      const length = Math.min(readBytes, range.end - at);
      if (end + length > input.length) {
        input.copyWithin(0, start, end);
        end -= start;
        start = 0;
      }
      const read = length === 0 ? 0 : readSync(fd, input, end, length, at);
      at += read;
      end += read;
      this.#run.statistics.bytesRead += read;
      const final = read === 0 || at === range.end;
      start = await this.#cutWindow(start, end, final, content);
      if (final) return;
    }
  }

  /** Gives away the chunks of input[start, end); returns where the rest begins that needs more bytes. */
  async #cutWindow(from: number, end: number, final: boolean, content: ContentWriter): Promise<number> {
    const { input } = this.#chunker;
    for (let start = from; ; ) {
      const cut = this.#chunker.findCut(start, end, final);
      if (cut === -1 || cut === start) return start;
      const length = cut - start;
      if (this.#chunker.zeroRun(start, cut) === length) content.addZeros(length);
      else content.addChunk(this.#run.upload.chunk(input.subarray(start, cut)), length);
      start = cut;
      if (length > readBytes / 16) await this.#run.pause();
    }
  }
}

/** Joins ranges of data with less than a hole of `holeMinBytes` between them. */
function* withoutSmallHoles(ranges: Iterable<Range>): Generator<Range> {
  let open: Range | undefined;
  for (const range of ranges) {
    if (open !== undefined && range.start - open.end < holeMinBytes) open = { start: open.start, end: range.end };
    else {
      if (open !== undefined) yield open;
      open = range;
    }
  }
  if (open !== undefined) yield open;
}
