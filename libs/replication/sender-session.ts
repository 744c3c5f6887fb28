import { asId, type RecordId, splitIds } from '#model';
import type { KeyBook } from '#records';
import { type AppError, concatBytes, isAppError, type Random } from '#runtime';
import { bitAt } from './bits.ts';
import { contentMissing, protocolViolation, sendFailure, sessionCut } from './errors.ts';
import { Inbox } from './inbox.ts';
import { type ReplicateReply, type ReplicateRequest, senderChannel, type TypedChannel } from './messages.ts';
import { type MessageChannel, type RecordStore, readFound } from './ports.ts';
import { prepareRecord } from './prepare-record.ts';
import type { ReplicationJob } from './replicate-snapshot.ts';
import type { SenderEvent, WantedRecord } from './sender-state.ts';
import { type NeededRecord, walkClosure } from './walk-closure.ts';

/** Opens channels to one peer. */
export interface PeerChannels {
  open(service: string, kind: 'control' | 'bulk'): Promise<MessageChannel>;
}

export interface SenderPorts {
  readonly store: RecordStore;
  /** Undefined at a blind peer. */
  readonly keys: KeyBook | undefined;
  readonly random: Random;
  /** Ends the session with its reason, whatever the peer does or does not answer. */
  readonly signal?: AbortSignal;
}

/** The acting half of a sender: channels, disk and walk. It decides nothing; what happens comes as events. */
export class SenderSession {
  readonly #channel: TypedChannel<ReplicateRequest, ReplicateReply>;
  readonly #ports: SenderPorts;
  readonly #job: ReplicationJob;
  readonly #peer: PeerChannels;
  readonly #events = new Inbox<SenderEvent>();
  #records: MessageChannel | undefined;
  #walk: ReturnType<typeof walkClosure> | undefined;
  #sending: Promise<void> = Promise.resolve();
  #windowBytes = 0;
  #finished = false;
  alreadyHeld = false;
  sentRecords = 0;
  sentBytes = 0;

  private constructor(job: ReplicationJob, channel: MessageChannel, peer: PeerChannels, ports: SenderPorts) {
    this.#channel = senderChannel(channel);
    this.#job = job;
    this.#peer = peer;
    this.#ports = ports;
    ports.signal?.addEventListener('abort', this.#onAbort);
  }

  /** Offers the snapshot; returns once the receiver has granted a session, or holds the snapshot already. */
  static async offer(job: ReplicationJob, peer: PeerChannels, ports: SenderPorts): Promise<SenderSession> {
    const session = new SenderSession(job, await peer.open('replicate', 'control'), peer, ports);
    try {
      await session.#offer();
    } catch (error) {
      await session[Symbol.asyncDispose]();
      throw error;
    }
    return session;
  }

  async #offer(): Promise<void> {
    const { snapshotId, datasetId, domainId, baseCandidates } = this.#job;
    await this.#channel.send({ offer: { snapshotId, datasetId, domainId, baseCandidates: [...baseCandidates] } });
    const reply = await this.#channel.receive();
    if (reply === undefined) throw sessionCut();
    if (reply.alreadyHeld) {
      this.alreadyHeld = true;
      this.#finished = true;
      return;
    }
    if (!reply.granted) throw protocolViolation('an answer that grants nothing');
    const base = reply.granted.baseSnapshotId.length === 0 ? undefined : asId('RecordId', reply.granted.baseSnapshotId);
    this.#windowBytes = reply.granted.windowBytes;
    this.#records = await this.#peer.open('records', 'bulk');
    await this.#records.send(reply.granted.sessionId);
    this.#walk = walkClosure(this.#ports.store, domainId, snapshotId, base);
    this.#readReplies().catch((error) => this.#events.fail(error));
    this.#events.push({ type: 'granted', windowBytes: this.#windowBytes });
  }

  nextEvent(): Promise<SenderEvent> {
    return this.#events.next();
  }

  walkOn(): void {
    const step = async (): Promise<SenderEvent> => {
      const next = await this.#walk?.next();
      if (next === undefined || next.done) return { type: 'walkEnded' };
      if (next.value.missing.length > 0) throw contentMissing(`snapshot ${this.#job.name}`);
      return { type: 'walked', records: next.value.records };
    };
    step().then(
      (event) => this.#events.push(event),
      (error) => this.#events.fail(error),
    );
  }

  sendIds(batch: number, records: readonly NeededRecord[]): void {
    const ids = records.flatMap((record) => record.ids);
    this.#send({ ids: { batch, counts: records.map((record) => record.ids.length), ids: concatBytes(ids) } });
  }

  sendDone(records: number): void {
    this.#send({ done: { records } });
  }

  /** Records leave in order; reading one from disk overlaps with the line's taking of the one before. */
  sendRecord(sequence: number, wanted: WantedRecord): void {
    const prepared = this.#prepare(sequence, wanted);
    prepared.catch(() => undefined);
    this.#sending = this.#sending.then(async () => {
      const message = await prepared;
      await this.#records?.send(message);
      this.sentRecords += 1;
      this.sentBytes += message.length;
    });
    this.#sending.catch((error) => this.#events.fail(sendFailure(error)));
  }

  /** A session that failed lets go at once: to end politely would wait for a peer that may read nothing more. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#ports.signal?.removeEventListener('abort', this.#onAbort);
    if (this.#finished) await Promise.allSettled([this.#channel.raw.end(), this.#records?.end()]);
    else this.#abort(sessionCut());
  }

  readonly #onAbort = (): void => {
    const reason: unknown = this.#ports.signal?.reason;
    this.#events.fail(reason);
    this.#abort(isAppError(reason) ? reason : sessionCut());
  };

  #abort(error: AppError): void {
    this.#channel.raw.abort(error);
    this.#records?.abort(error);
  }

  async #prepare(sequence: number, { place, ids, declined }: WantedRecord): Promise<Uint8Array> {
    const { store, keys, random } = this.#ports;
    const record = await readFound(store, this.#job.domainId, ids[0] as RecordId, place);
    const bytes = await prepareRecord(record, ids, declined, keys, random);
    this.#events.push({ type: 'prepared', place, whole: bytes === record.bytes });
    const message = Buffer.allocUnsafe(8 + bytes.length);
    message.writeBigUInt64LE(BigInt(sequence), 0);
    message.set(bytes, 8);
    return message;
  }

  #send(message: ReplicateRequest): void {
    this.#channel.send(message).catch((error) => this.#events.fail(error));
  }

  async #readReplies(): Promise<void> {
    for (;;) {
      const reply = await this.#channel.receive();
      if (reply === undefined) throw sessionCut();
      if (reply.wanted) {
        const bits = reply.wanted.wanted;
        this.#events.push({ type: 'wanted', batch: reply.wanted.batch, isWanted: (index) => bitAt(bits, index) });
      } else if (reply.acknowledged) {
        this.#events.push({ type: 'acknowledged', belowSequence: reply.acknowledged.belowSequence });
      } else if (reply.stillMissing) {
        const records = await this.#locate(splitIds('RecordId', reply.stillMissing.ids));
        this.#events.push({ type: 'stillMissing', records });
      } else if (reply.proved) {
        this.#finished = true;
        this.#events.push({ type: 'proved' });
        return;
      } else throw protocolViolation('an answer of no known kind');
    }
  }

  async #locate(ids: readonly RecordId[]): Promise<WantedRecord[]> {
    const places = await this.#ports.store.locateMany(this.#job.domainId, ids);
    return ids.flatMap((id, i) => {
      const place = places[i];
      return place === undefined ? [] : [{ place, ids: [id], declined: 0 }];
    });
  }
}
