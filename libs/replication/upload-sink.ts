import { asId, type SnapshotId } from '#model';
import { type AppError, concatBytes } from '#runtime';
import type { OutgoingFrame, OutgoingNode, SnapshotSink } from '#snapshot';
import { bitAt } from './bits.ts';
import { protocolViolation, sessionCut } from './errors.ts';
import {
  type TypedChannel,
  type UploadBegan,
  type UploadReply,
  type UploadRequest,
  uploadClientChannel,
} from './messages.ts';
import type { MessageChannel } from './ports.ts';

interface Waiter<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
}

/** The client's half of an upload: what a walk finds goes through a channel to the appliance. PROTOCOL.md section 2. */
export class UploadSink implements SnapshotSink {
  readonly began: UploadBegan;
  readonly #channel: TypedChannel<UploadRequest, UploadReply>;
  readonly #answers = new Map<number, Waiter<Uint8Array>>();
  readonly #unacknowledged: number[] = [];
  #windowWaiters: Waiter<void>[] = [];
  #committed: Waiter<SnapshotId> | undefined;
  #failure: { readonly error: unknown } | undefined;
  #nextBatch = 0;
  #nextSequence = 0;
  #acknowledgedBelow = 0;
  #unacknowledgedBytes = 0;
  /** Compressed bytes that left this client. */
  sentBytes = 0;

  private constructor(channel: TypedChannel<UploadRequest, UploadReply>, began: UploadBegan) {
    this.#channel = channel;
    this.began = began;
    this.#readReplies().catch((error) => this.#fail(error));
  }

  /** Begins an upload for a dataset of this appliance; the answer says what to compare with and how to cut. */
  static async begin(
    raw: MessageChannel,
    begin: { readonly datasetName: string; readonly host: string; readonly paths: readonly Uint8Array[] },
  ): Promise<UploadSink> {
    const channel = uploadClientChannel(raw);
    await channel.send({ begin: { ...begin, paths: [...begin.paths] } });
    const reply = await channel.receive();
    if (reply === undefined) throw sessionCut();
    if (!reply.began) throw protocolViolation('an upload that did not begin');
    return new UploadSink(channel, reply.began);
  }

  wantedLeaves(hashes: readonly Uint8Array[]): Promise<boolean[]> {
    return this.#ask(hashes, { leafHashes: concatBytes(hashes), nodeHashes: new Uint8Array(0) });
  }

  wantedNodes(hashes: readonly Uint8Array[]): Promise<boolean[]> {
    return this.#ask(hashes, { leafHashes: new Uint8Array(0), nodeHashes: concatBytes(hashes) });
  }

  async putLeaf({ hashes, compression, body }: OutgoingFrame): Promise<void> {
    const sequence = this.#takeSequence(body.length);
    await this.#channel.send({ leaf: { sequence, hashes: concatBytes(hashes), compression, body } });
    await this.#withinWindow();
  }

  async putNode({ hash, compression, body }: OutgoingNode): Promise<void> {
    const sequence = this.#takeSequence(body.length);
    await this.#channel.send({ node: { sequence, hash, compression, body } });
    await this.#withinWindow();
  }

  /** Everything was put: resolves when the snapshot is complete, proved and in the catalog, all of it durable. */
  async commit(manifestHash: Uint8Array): Promise<SnapshotId> {
    this.#throwIfFailed();
    const committed = new Promise<SnapshotId>((resolve, reject) => {
      this.#committed = { resolve, reject };
    });
    await this.#channel.send({ commit: { manifestHash, records: this.#nextSequence } });
    const snapshotId = await committed;
    await this.#channel.raw.end();
    return snapshotId;
  }

  abort(error: AppError): void {
    this.#channel.raw.abort(error);
  }

  async #ask(
    hashes: readonly Uint8Array[],
    query: { leafHashes: Uint8Array; nodeHashes: Uint8Array },
  ): Promise<boolean[]> {
    if (hashes.length === 0) return [];
    this.#throwIfFailed();
    const batch = this.#nextBatch++;
    const answer = new Promise<Uint8Array>((resolve, reject) => this.#answers.set(batch, { resolve, reject }));
    answer.catch(() => undefined);
    await this.#channel.send({ have: { batch, ...query } });
    const bits = await answer;
    return hashes.map((_, i) => bitAt(bits, i));
  }

  #takeSequence(bytes: number): number {
    this.#throwIfFailed();
    this.#unacknowledged.push(bytes);
    this.#unacknowledgedBytes += bytes;
    this.sentBytes += bytes;
    return this.#nextSequence++;
  }

  async #withinWindow(): Promise<void> {
    while (this.#unacknowledgedBytes > this.began.windowBytes) {
      this.#throwIfFailed();
      await new Promise<void>((resolve, reject) => this.#windowWaiters.push({ resolve, reject }));
    }
  }

  async #readReplies(): Promise<void> {
    for (let reply = await this.#channel.receive(); reply !== undefined; reply = await this.#channel.receive()) {
      if (reply.have) {
        const waiter = this.#answers.get(reply.have.batch);
        this.#answers.delete(reply.have.batch);
        waiter?.resolve(reply.have.wanted);
      } else if (reply.acknowledged) this.#acknowledge(reply.acknowledged.belowSequence);
      else if (reply.committed) {
        if (this.#committed === undefined) throw protocolViolation('a commit that nobody asked for');
        this.#committed.resolve(asId('SnapshotId', reply.committed.snapshotId));
        return;
      } else throw protocolViolation('an answer of no known kind');
    }
    throw sessionCut();
  }

  #acknowledge(belowSequence: number): void {
    if (belowSequence > this.#nextSequence) throw protocolViolation('an acknowledgement of what was never sent');
    for (; this.#acknowledgedBelow < belowSequence; this.#acknowledgedBelow++) {
      this.#unacknowledgedBytes -= this.#unacknowledged.shift() ?? 0;
    }
    for (const waiter of this.#windowWaiters.splice(0)) waiter.resolve();
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    const waiting = [...this.#answers.values(), ...this.#windowWaiters.splice(0)];
    this.#answers.clear();
    for (const waiter of waiting) waiter.reject(error);
    this.#committed?.reject(error);
  }

  #throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}
