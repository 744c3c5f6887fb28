import { sha256 } from '#wire';
import type { SnapshotSink } from '../ports.ts';
import { answersTo } from './answers.ts';
import { compressBody } from './compress-body.ts';
import { FrameDraft, frameTargetBytes } from './frame-draft.ts';
import { RecentHashes } from './recent-hashes.ts';
import { Slots } from './slots.ts';
import type { UploadBudget } from './upload-budget.ts';

// 16 MiB: of a tree of half a million chunks nearly every repeated one is known without asking.
const recentSlots = 2 ** 19;
// Two cores compress, one more is on its way out, one waits: more only holds memory.
const framesAtOnce = 4;
const spareDraftsMax = 8;

/**
 * Takes chunks, asks the sink in drafts of about 1 MiB which of them it lacks, many drafts in flight, and sends those
 * in frames. A draft of which little is wanted gives its chunks to a common frame.
 */
export class LeafUpload {
  readonly #sink: SnapshotSink;
  readonly #budget: UploadBudget;
  readonly #recent = new RecentHashes(recentSlots);
  readonly #slots = new Slots(framesAtOnce);
  readonly #spare: FrameDraft[] = [];
  readonly #inFlight = new Set<Promise<void>>();
  #draft = new FrameDraft();
  /** Wanted chunks out of several drafts. */
  #gathered = new FrameDraft();
  newChunks = 0;
  newBytes = 0;
  sentBytes = 0;

  constructor(sink: SnapshotSink, budget: UploadBudget) {
    this.#sink = sink;
    this.#budget = budget;
  }

  /** Hashes a chunk and takes it, copied, on its way unless it was seen before. */
  add(content: Uint8Array): Uint8Array {
    const hash = sha256(content);
    if (this.#recent.seen(hash)) return hash;
    this.#draft.add(hash, content);
    this.#budget.hold(content.length);
    if (this.#draft.isFull) this.#dispatch();
    return hash;
  }

  /** Resolves when every chunk that was added before this call has been put, or needed none. */
  async settle(): Promise<void> {
    this.#dispatch();
    await Promise.all(this.#inFlight);
    const gathered = this.#gathered;
    if (gathered.hashes.length > 0) {
      this.#gathered = this.#freshDraft();
      this.#track(this.#send(gathered));
    }
    // Another draft may have sent the gathered chunks meanwhile: that is among these.
    await Promise.all(this.#inFlight);
  }

  #dispatch(): void {
    const draft = this.#draft;
    if (draft.hashes.length === 0) return;
    this.#draft = this.#freshDraft();
    this.#track(this.#deliver(draft));
  }

  #track(work: Promise<void>): void {
    const guarded = work.catch((error: unknown) => this.#budget.fail(error));
    this.#inFlight.add(guarded);
    void guarded.then(() => this.#inFlight.delete(guarded));
  }

  async #deliver(draft: FrameDraft): Promise<void> {
    const before = draft.bytes;
    draft.keep(await answersTo(draft.hashes, (hashes) => this.#sink.wantedLeaves(hashes)));
    this.#budget.release(before - draft.bytes);
    if (draft.bytes >= frameTargetBytes / 2) return this.#send(draft);
    for (const { hash, content } of draft.chunks()) await this.#gather(hash, content);
    this.#recycle(draft);
  }

  async #gather(hash: Uint8Array, content: Uint8Array): Promise<void> {
    this.#gathered.add(hash, content);
    if (!this.#gathered.isFull) return;
    const full = this.#gathered;
    this.#gathered = this.#freshDraft();
    await this.#send(full);
  }

  #send(draft: FrameDraft): Promise<void> {
    return this.#slots.run(async () => {
      const { compression, body } = await compressBody(draft.body());
      await this.#sink.putLeaf({ hashes: draft.hashes, compression, body });
      this.newChunks += draft.hashes.length;
      this.newBytes += draft.bytes;
      this.sentBytes += body.length;
      this.#budget.release(draft.bytes);
      // What went uncompressed is the draft's own memory, and the sink may still hold it.
      if (compression === 1) this.#recycle(draft);
    });
  }

  #freshDraft(): FrameDraft {
    return this.#spare.pop() ?? new FrameDraft();
  }

  #recycle(draft: FrameDraft): void {
    draft.clear();
    if (this.#spare.length < spareDraftsMax) this.#spare.push(draft);
  }
}
