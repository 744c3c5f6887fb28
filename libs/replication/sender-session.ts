import { type RecordId, splitIds } from '#model';
import type { KeyBook } from '#records';
import { concatBytes, equalBytes, isAppError, type Random, type Timers } from '#runtime';
import type { TrafficClass } from '#shaper';
import { bitAt } from './bits.ts';
import { contentMissing, protocolViolation, sessionCut } from './errors.ts';
import { Inbox } from './inbox.ts';
import { type ReplicateReply, type ReplicateRequest, senderChannel, type TypedChannel } from './messages.ts';
import type { MessageChannel, RecordStore } from './ports.ts';
import { ProgressWatch } from './progress-watch.ts';
import { missingIdsMax } from './protocol-limits.ts';
import { RecordLanes } from './record-lanes.ts';
import type { ReplicationJob } from './replicate-snapshot.ts';
import type { SenderEvent, WantedRecord } from './sender-state.ts';
import { type NeededRecord, walkClosure } from './walk-closure.ts';
import { type PackingPort, type Savings, WireEncoder } from './wire-encoder.ts';

/** Opens channels to one peer. */
export interface PeerChannels {
  open(
    service: string,
    kind: 'control' | 'bulk',
    options?: { readonly trafficClass?: TrafficClass },
  ): Promise<MessageChannel>;
  /** A bulk channel on each connection, now and as they come, until the signal ends that; without it there is one for all. */
  openOnEach?(
    service: string,
    options: { readonly trafficClass?: TrafficClass },
    signal: AbortSignal,
    onChannel: (channel: MessageChannel) => void,
  ): void;
}

export interface SenderPorts {
  readonly store: RecordStore;
  /** Undefined at a blind peer. */
  readonly keys: KeyBook | undefined;
  readonly random: Random;
  readonly timers: Timers;
  /** Ends the session with its reason, whatever the peer does or does not answer. */
  readonly signal?: AbortSignal;
  /** Given for a full member of the realm only: what is packed for it is under no seal but the link's. */
  readonly packing?: PackingPort;
}

/** The acting half of a sender: channels, disk and walk. It decides nothing; what happens comes as events. */
export class SenderSession {
  readonly #ports: SenderPorts;
  readonly #job: ReplicationJob;
  readonly #peer: PeerChannels;
  readonly #events = new Inbox<SenderEvent>();
  /** How many ids each batch had that is not answered yet. */
  readonly #offeredIds = new Map<number, number>();
  readonly #channels: MessageChannel[] = [];
  readonly #watch: ProgressWatch;
  /** Ends the walk, and whatever waits for the peer, with the session. */
  readonly #ended = new AbortController();
  /** Done or failed: no more lanes. */
  readonly #over = new AbortController();
  readonly #failed = Promise.withResolvers<never>();
  #channel: TypedChannel<ReplicateRequest, ReplicateReply> | undefined;
  #lanes: RecordLanes | undefined;
  #encoder: WireEncoder | undefined;
  #walk: ReturnType<typeof walkClosure> | undefined;
  readonly #sentWhole = new Set<number>();
  #finished = false;
  #replies = 0;
  #walkBatches = 0;
  #ownTasks = 0;
  alreadyHeld = false;
  sentRecords = 0;
  sentBytes = 0;

  private constructor(job: ReplicationJob, peer: PeerChannels, ports: SenderPorts) {
    this.#job = job;
    this.#peer = peer;
    this.#ports = ports;
    this.#failed.promise.catch(() => undefined);
    ports.signal?.addEventListener('abort', this.#onAbort);
    this.#watch = new ProgressWatch(ports.timers, {
      moved: () => this.#moved(),
      worked: () => this.#walkBatches,
      isBusy: () => this.#ownTasks > 0 || this.#channel?.raw.heldBack === true || this.#lanes?.heldBack === true,
      sayWorking: () => this.#send({ working: {} }),
      onStall: (error) => this.#fail(error),
    });
  }

  /** Offers the snapshot; returns once the receiver has granted a session, or holds the snapshot already. */
  static async offer(job: ReplicationJob, peer: PeerChannels, ports: SenderPorts): Promise<SenderSession> {
    ports.signal?.throwIfAborted();
    const session = new SenderSession(job, peer, ports);
    try {
      await Promise.race([session.#offer(), session.#failed.promise]);
    } catch (error) {
      await session[Symbol.asyncDispose]();
      throw error;
    }
    return session;
  }

  async #offer(): Promise<void> {
    const { snapshotId, datasetId, domainId, baseCandidates } = this.#job;
    const channel = senderChannel(await this.#open('replicate', 'control'));
    this.#channel = channel;
    await channel.send({ offer: { snapshotId, datasetId, domainId, baseCandidates: [...baseCandidates] } });
    const reply = await channel.receive();
    if (reply === undefined) throw sessionCut();
    if (reply.alreadyHeld) {
      this.alreadyHeld = true;
      this.#finished = true;
      return;
    }
    if (!reply.granted) throw protocolViolation('an answer that grants nothing');
    const { sessionId, baseSnapshotId, windowBytes, opensPacked } = reply.granted;
    const base = baseCandidates.find((candidate) => equalBytes(candidate, baseSnapshotId));
    if (base === undefined && baseSnapshotId.length > 0) throw protocolViolation('a base that was not offered');
    const { packing, ...ports } = this.#ports;
    const { signal } = this.#ended;
    const allowed = opensPacked === true ? packing : undefined;
    this.#encoder = new WireEncoder({ ...ports, domainId, snapshotId, base, packing: allowed, signal });
    await this.#openLanes(sessionId);
    const onProgress = () => {
      this.#walkBatches += 1;
    };
    this.#walk = walkClosure(this.#ports.store, domainId, snapshotId, base, { signal: this.#ended.signal, onProgress });
    this.#readReplies(channel).catch((error) => this.#events.fail(error));
    this.#events.push({ type: 'granted', windowBytes });
  }

  /** A channel that ends with the session, also when it opens only afterwards. */
  async #open(service: string, kind: 'control' | 'bulk'): Promise<MessageChannel> {
    const channel = await this.#peer.open(service, kind);
    this.#channels.push(channel);
    if (this.#ended.signal.aborted) this.#abort();
    this.#ended.signal.throwIfAborted();
    return channel;
  }

  async #openLanes(sessionId: Uint8Array): Promise<void> {
    const { openOnEach } = this.#peer;
    const lanes = new RecordLanes({
      sessionId,
      othersMayCome: openOnEach !== undefined,
      onFailure: (error) => this.#events.fail(error),
    });
    this.#lanes = lanes;
    const options = { trafficClass: this.#job.trafficClass ?? 'backup' };
    if (openOnEach === undefined) {
      const channel = await this.#peer.open('records', 'bulk', options);
      lanes.add(channel);
      this.#ended.signal.throwIfAborted();
    } else {
      openOnEach.call(this.#peer, 'records', options, this.#over.signal, (channel) => lanes.add(channel));
    }
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
    this.#busyWith(step()).then(
      (event) => this.#events.push(event),
      (error) => this.#events.fail(error),
    );
  }

  sendIds(batch: number, records: readonly NeededRecord[]): void {
    const ids = records.flatMap((record) => record.ids);
    this.#offeredIds.set(batch, ids.length);
    this.#send({ ids: { batch, counts: records.map((record) => record.ids.length), ids: concatBytes(ids) } });
  }

  sendDone(records: number): void {
    this.#send({ done: { records } });
  }

  /** Records leave as they are ready, on whatever connection has room: their numbers say what each is. */
  sendRecord(sequence: number, wanted: WantedRecord): void {
    this.#sendPrepared(this.#busyWith(this.#prepare(sequence, wanted))).catch((error) => this.#events.fail(error));
  }

  async #sendPrepared(prepared: Promise<Uint8Array | undefined>): Promise<void> {
    const message = await prepared;
    if (message !== undefined) await this.#lanes?.send(message);
    this.sentRecords += 1;
    this.sentBytes += message?.length ?? 0;
  }

  /** The receiver lacks what a message was packed with: its records go as they lie. */
  async #sendWhole(firstSequence: number): Promise<void> {
    // A message that came twice, because a connection was lost, is missed twice.
    if (this.#sentWhole.has(firstSequence) && this.#lanes?.hasSentAgain === true) return;
    this.#sentWhole.add(firstSequence);
    const messages = await this.#busyWith(this.#encoder?.wholeAgain(firstSequence) ?? Promise.resolve([]));
    this.#lanes?.forget(firstSequence);
    for (const message of messages) {
      await this.#lanes?.send(message);
      this.sentBytes += message.length;
    }
  }

  /** What the session had to bring. */
  get savings(): Savings {
    return this.#encoder?.savings ?? { contentBytes: 0, newBytes: 0 };
  }

  /** All messages of the session, both ways. */
  get lineBytes(): number {
    const { bytesSent = 0, bytesReceived = 0 } = this.#lanes ?? {};
    return this.#channels.reduce(
      (sum, raw) => sum + (raw.bytesSent ?? 0) + (raw.bytesReceived ?? 0),
      bytesSent + bytesReceived,
    );
  }

  /** A session that failed lets go at once: to end politely would wait for a peer that may read nothing more. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#ports.signal?.removeEventListener('abort', this.#onAbort);
    this.#watch[Symbol.dispose]();
    this.#encoder?.[Symbol.dispose]();
    this.#over.abort();
    if (this.#finished)
      await Promise.allSettled([...this.#channels.map((channel) => channel.end()), this.#lanes?.end()]);
    else this.#fail(sessionCut());
  }

  readonly #onAbort = (): void => this.#fail(this.#ports.signal?.reason);

  #fail(error: unknown): void {
    this.#ended.abort(error);
    this.#failed.reject(error);
    this.#events.fail(error);
    this.#abort();
  }

  #abort(): void {
    const reason: unknown = this.#ended.signal.reason;
    const error = isAppError(reason) ? reason : sessionCut();
    for (const channel of this.#channels) channel.abort(error);
    this.#lanes?.abort(error);
  }

  /** While `work` goes on, the receiver is not expected to do anything. */
  async #busyWith<T>(work: Promise<T>): Promise<T> {
    this.#ownTasks += 1;
    try {
      return await work;
    } finally {
      this.#ownTasks -= 1;
    }
  }

  /** What came from the receiver, and what the line took away of the records. */
  #moved(): number {
    const { bytesReceived = 0, heldNotes = 0 } = this.#channel?.raw ?? {};
    const lines = bytesReceived + heldNotes + (this.#lanes?.bytesSent ?? 0);
    return lines + this.#replies + this.sentRecords;
  }

  async #prepare(sequence: number, wanted: WantedRecord): Promise<Uint8Array | undefined> {
    const encoded = await this.#encoder?.encode(sequence, wanted);
    this.#events.push({ type: 'prepared', place: wanted.place, whole: encoded?.whole ?? false });
    return encoded?.message;
  }

  #send(message: ReplicateRequest): void {
    this.#channel?.send(message).catch((error) => this.#events.fail(error));
  }

  async #readReplies(channel: TypedChannel<ReplicateRequest, ReplicateReply>): Promise<void> {
    for (;;) {
      const reply = await channel.receive();
      if (reply === undefined) throw sessionCut();
      this.#replies += 1;
      if (reply.working) continue;
      if (reply.wanted) {
        const bits = reply.wanted.wanted;
        const { batch } = reply.wanted;
        const count = this.#offeredIds.get(batch);
        this.#offeredIds.delete(batch);
        if (count !== undefined && bits.length !== Math.ceil(count / 8))
          throw protocolViolation('an answer of another size than the question');
        this.#events.push({ type: 'wanted', batch, isWanted: (index) => bitAt(bits, index) });
      } else if (reply.acknowledged) {
        this.#lanes?.acknowledged(reply.acknowledged.belowSequence);
        this.#encoder?.acknowledged(reply.acknowledged.belowSequence);
        this.#events.push({ type: 'acknowledged', belowSequence: reply.acknowledged.belowSequence });
      } else if (reply.lacking) this.#sendWhole(reply.lacking.firstSequence).catch((error) => this.#events.fail(error));
      else if (reply.stillMissing) {
        const ids = splitIds('RecordId', reply.stillMissing.ids);
        if (ids.length > missingIdsMax) throw protocolViolation('more missing ids than may be told at once');
        const records = await this.#busyWith(this.#locate(ids));
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
