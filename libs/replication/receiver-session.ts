import { type DomainId, type RecordId, type SessionId, type SnapshotId, splitIds } from '#model';
import type { KeyBook } from '#records';
import { concatBytes, isAppError, type Random, type Timers } from '#runtime';
import type { RecordView } from '#wire';
import { encodeBits } from './bits.ts';
import { protocolViolation, sessionCut } from './errors.ts';
import { Inbox } from './inbox.ts';
import { Ingest } from './ingest.ts';
import type { ReplicateReply, ReplicateRequest, TypedChannel } from './messages.ts';
import type { MessageChannel, RecordStore } from './ports.ts';
import { ProgressWatch } from './progress-watch.ts';
import { batchesInFlightMax, batchIdsMax } from './protocol-limits.ts';
import { missingFrom } from './prove-closure.ts';
import type { ReceiverEvent } from './receiver-state.ts';
import { WireDecoder } from './wire-decoder.ts';

export interface ReceiverPorts {
  readonly store: RecordStore;
  /** Undefined at a blind peer: it checks checksums and references, the seal stays closed. */
  readonly keys: KeyBook | undefined;
  readonly random: Random;
  readonly timers: Timers;
  /** Bytes that a sender may have unacknowledged. */
  readonly windowBytes: number;
}

export interface GrantedSnapshot {
  readonly sessionId: SessionId;
  readonly snapshotId: SnapshotId;
  readonly domainId: DomainId;
  readonly base: SnapshotId | undefined;
}

/** Answers that the sender has not taken yet: nothing more is read from who sends and does not listen. */
const unsentAnswersMax = 2 * batchesInFlightMax;

/** The acting half of a receiver. It decides nothing; what happens comes as events. */
export class ReceiverSession {
  readonly granted: GrantedSnapshot;
  readonly #channel: TypedChannel<ReplicateReply, ReplicateRequest>;
  readonly #ports: ReceiverPorts;
  readonly #events = new Inbox<ReceiverEvent>();
  readonly #arrived = new Map<number, RecordView>();
  readonly #ingest: Ingest;
  readonly #decoder: WireDecoder;
  readonly #watch: ProgressWatch;
  readonly #lines: MessageChannel[];
  /** Ends the proof with the session. */
  readonly #ended = new AbortController();
  #messages = 0;
  #lanesSeen = 0;
  #pastReceived = 0;
  #proofBatches = 0;
  #ownTasks = 0;
  #unsentAnswers = 0;
  #answerTaken = Promise.withResolvers<void>();
  #durableBelow = 0;
  #acknowledgedBelow = 0;
  #isAcknowledging = false;

  constructor(granted: GrantedSnapshot, channel: TypedChannel<ReplicateReply, ReplicateRequest>, ports: ReceiverPorts) {
    this.granted = granted;
    this.#channel = channel;
    this.#ports = ports;
    this.#decoder = new WireDecoder(granted.domainId, ports);
    this.#ingest = new Ingest(
      ports.store,
      ports.timers,
      (belowSequence) => this.#events.push({ type: 'durable', belowSequence }),
      (error) => this.#events.fail(error),
    );
    this.#lines = [channel.raw];
    this.#watch = new ProgressWatch(ports.timers, {
      moved: () => this.#moved(),
      worked: () => this.#moved() + this.#durableBelow + this.#proofBatches,
      isBusy: () => this.#ownTasks > 0 || !this.#ingest.isIdle || channel.raw.heldBack === true,
      sayWorking: () => this.#send({ working: {} }),
      onStall: (error) => {
        this.#events.fail(error);
        for (const line of this.#lines) line.abort(error);
      },
    });
    this.#readRequests().catch((error) => this.#events.fail(error));
  }

  /** Records may come packed: this end can open them. */
  get opensPacked(): boolean {
    return this.#decoder.opensPacked;
  }

  nextEvent(): Promise<ReceiverEvent> {
    return this.#events.next();
  }

  /**
   * Takes records from one of the data channels until it ends or is lost, or the session has: what still comes is then
   * dropped unread, and the sender hears the reason on its other channel. Each record is proved good before it is even an event; while a window of
   * them waits for the disk, none is read.
   */
  async readRecords(records: MessageChannel): Promise<void> {
    this.#lines.push(records);
    this.#lanesSeen += 1;
    try {
      for (;;) {
        await this.#ingest.room(this.#ports.windowBytes);
        const message = await records.receive();
        if (message === undefined || this.#ended.signal.aborted) return;
        this.#messages += 1;
        await this.busyWith(this.#arrive(message));
      }
    } catch (error) {
      // What was under way there comes again over another connection; when none comes, the session stalls or the link ends.
      if (!isAppError(error, 'connection_lost')) this.#events.fail(error);
    } finally {
      this.#lines.splice(this.#lines.indexOf(records), 1);
      this.#pastReceived += (records.bytesReceived ?? 0) + (records.heldNotes ?? 0);
    }
  }

  answer(batch: number, wanted: readonly boolean[]): void {
    this.#unsentAnswers += 1;
    this.#send({ wanted: { batch, wanted: encodeBits(wanted) } }, () => {
      this.#unsentAnswers -= 1;
      this.#answerTaken.resolve();
    });
  }

  store(sequence: number): void {
    const record = this.#arrived.get(sequence);
    this.#arrived.delete(sequence);
    if (record !== undefined) this.#ingest.take(sequence, record);
  }

  skip(sequence: number): void {
    this.#arrived.delete(sequence);
    this.#ingest.skip(sequence);
  }

  drop(sequence: number): void {
    this.#arrived.delete(sequence);
  }

  /** One at a time, always the newest: they do not pile up for who does not listen. */
  acknowledge(belowSequence: number): void {
    this.#durableBelow = belowSequence;
    if (this.#isAcknowledging || this.#acknowledgedBelow === belowSequence) return;
    this.#isAcknowledging = true;
    this.#acknowledgedBelow = belowSequence;
    this.#send({ acknowledged: { belowSequence } }, () => {
      this.#isAcknowledging = false;
      this.acknowledge(this.#durableBelow);
    });
  }

  prove(): void {
    const { domainId, snapshotId, base } = this.granted;
    const onProgress = () => {
      this.#proofBatches += 1;
    };
    const watch = { signal: this.#ended.signal, onProgress };
    this.busyWith(missingFrom(this.#ports.store, domainId, snapshotId, base, watch)).then(
      (missing) => this.#events.push({ type: 'proof', missing }),
      (error) => this.#events.fail(error),
    );
  }

  /** While `work` goes on, the sender is not expected to do anything. */
  async busyWith<T>(work: Promise<T>): Promise<T> {
    this.#ownTasks += 1;
    try {
      return await work;
    } finally {
      this.#ownTasks -= 1;
    }
  }

  tellMissing(ids: readonly RecordId[]): void {
    this.#send({ stillMissing: { ids: concatBytes(ids) } });
  }

  async tellProved(): Promise<void> {
    await this.#channel.send({ proved: {} });
    await this.#channel.raw.end();
  }

  [Symbol.dispose](): void {
    this.#ended.abort(sessionCut());
    this.#watch[Symbol.dispose]();
    this.#arrived.clear();
    this.#ingest.dispose();
  }

  async #arrive(message: Uint8Array): Promise<void> {
    const decoded = await this.#decoder.decode(message);
    if ('lacking' in decoded) return this.#send({ lacking: { firstSequence: decoded.lacking } });
    for (const { sequence, record } of decoded.records) {
      const mayRepeat = this.#lanesSeen > 1;
      if (this.#arrived.has(sequence)) {
        if (mayRepeat) continue;
        throw protocolViolation('a wrong sequence number');
      }
      this.#arrived.set(sequence, record);
      this.#events.push({ type: 'record', sequence, ids: record.ids, mayRepeat });
    }
  }

  async #readRequests(): Promise<void> {
    for (;;) {
      await this.#answersTaken();
      const request = await this.#channel.receive();
      if (request === undefined) throw sessionCut();
      this.#messages += 1;
      if (request.working) continue;
      if (request.ids) await this.#takeIds(request.ids);
      else if (request.done) this.#events.push({ type: 'done', records: request.done.records });
      else throw protocolViolation('a request of no known kind');
    }
  }

  async #takeIds({ batch, counts, ids: bytes }: { batch: number; counts: number[]; ids: Uint8Array }): Promise<void> {
    const ids = splitIds('RecordId', bytes);
    const counted = counts.reduce((sum, count) => sum + count, 0);
    if (ids.length === 0 || ids.length > batchIdsMax || counted !== ids.length)
      throw protocolViolation('a batch of wrong size');
    const { store } = this.#ports;
    const { domainId } = this.granted;
    // Pending first: what becomes durable between the two questions is then seen by the second one.
    const pending = ids.map((id) => store.isPending(domainId, id));
    const places = await store.locateMany(domainId, ids);
    const here = ids.map((_, i) => pending[i] === true || places[i] !== undefined);
    this.#events.push({ type: 'ids', batch, ids, here });
  }

  async #answersTaken(): Promise<void> {
    while (this.#unsentAnswers >= unsentAnswersMax) {
      this.#answerTaken = Promise.withResolvers();
      await this.#answerTaken.promise;
    }
  }

  #moved(): number {
    const past = this.#messages + this.#pastReceived;
    return this.#lines.reduce((sum, { bytesReceived = 0, heldNotes = 0 }) => sum + bytesReceived + heldNotes, past);
  }

  #send(message: ReplicateReply, onSent?: () => void): void {
    this.#channel.send(message).then(onSent, (error) => this.#events.fail(error));
  }
}
