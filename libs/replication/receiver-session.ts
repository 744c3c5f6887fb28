import { type DomainId, type RecordId, type SessionId, type SnapshotId, splitIds } from '#model';
import { type KeyBook, verifyRecord } from '#records';
import { concatBytes, equalBytes, type Timers } from '#runtime';
import { parseRecord, type RecordView, recordMaxBytes } from '#wire';
import { encodeBits } from './bits.ts';
import { protocolViolation, sessionCut } from './errors.ts';
import { Inbox } from './inbox.ts';
import { Ingest } from './ingest.ts';
import type { ReplicateReply, ReplicateRequest, TypedChannel } from './messages.ts';
import type { MessageChannel, RecordStore } from './ports.ts';
import { missingFrom } from './prove-closure.ts';
import type { ReceiverEvent } from './receiver-state.ts';

export interface ReceiverPorts {
  readonly store: RecordStore;
  /** Undefined at a blind peer: it checks checksums and references, the seal stays closed. */
  readonly keys: KeyBook | undefined;
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

/** Ids in one batch at most: PROTOCOL.md section 4. */
const batchIdsMax = 4096;

/** The acting half of a receiver. It decides nothing; what happens comes as events. */
export class ReceiverSession {
  readonly granted: GrantedSnapshot;
  readonly #channel: TypedChannel<ReplicateReply, ReplicateRequest>;
  readonly #ports: ReceiverPorts;
  readonly #events = new Inbox<ReceiverEvent>();
  readonly #arrived = new Map<number, RecordView>();
  readonly #ingest: Ingest;
  #disposed = false;

  constructor(granted: GrantedSnapshot, channel: TypedChannel<ReplicateReply, ReplicateRequest>, ports: ReceiverPorts) {
    this.granted = granted;
    this.#channel = channel;
    this.#ports = ports;
    this.#ingest = new Ingest(
      ports.store,
      ports.timers,
      (belowSequence) => this.#events.push({ type: 'durable', belowSequence }),
      (error) => this.#events.fail(error),
    );
    this.#readRequests().catch((error) => this.#events.fail(error));
  }

  nextEvent(): Promise<ReceiverEvent> {
    return this.#events.next();
  }

  /**
   * Takes records from a data channel until it ends, or the session has: what still comes is then dropped unread, and the
   * sender hears the reason on its other channel. Each record is proved good before it is even an event; while a window of
   * them waits for the disk, none is read.
   */
  async readRecords(records: MessageChannel): Promise<void> {
    try {
      for (;;) {
        await this.#ingest.room(this.#ports.windowBytes);
        const message = await records.receive();
        if (message === undefined || this.#disposed) return;
        this.#arrive(message);
      }
    } catch (error) {
      this.#events.fail(error);
    }
  }

  answer(batch: number, wanted: readonly boolean[]): void {
    this.#send({ wanted: { batch, wanted: encodeBits(wanted) } });
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

  acknowledge(belowSequence: number): void {
    this.#send({ acknowledged: { belowSequence } });
  }

  prove(): void {
    const { domainId, snapshotId, base } = this.granted;
    missingFrom(this.#ports.store, domainId, snapshotId, base).then(
      (missing) => this.#events.push({ type: 'proof', missing }),
      (error) => this.#events.fail(error),
    );
  }

  tellMissing(ids: readonly RecordId[]): void {
    this.#send({ stillMissing: { ids: concatBytes(ids) } });
  }

  async tellProved(): Promise<void> {
    await this.#channel.send({ proved: {} });
    await this.#channel.raw.end();
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    this.#arrived.clear();
    this.#ingest.dispose();
  }

  #arrive(message: Uint8Array): void {
    if (message.length < 8 || message.length > 8 + recordMaxBytes)
      throw protocolViolation('a record of impossible size');
    const sequence = Number(new DataView(message.buffer, message.byteOffset).getBigUint64(0, true));
    if (!Number.isSafeInteger(sequence) || this.#arrived.has(sequence))
      throw protocolViolation('a wrong sequence number');
    const record = parseRecord(message.subarray(8));
    if (!equalBytes(record.domainId, this.granted.domainId)) throw protocolViolation('a record of another domain');
    if (this.#ports.keys !== undefined) verifyRecord(this.#ports.keys, record);
    this.#arrived.set(sequence, record);
    this.#events.push({ type: 'record', sequence, ids: record.ids });
  }

  async #readRequests(): Promise<void> {
    for (;;) {
      const request = await this.#channel.receive();
      if (request === undefined) throw sessionCut();
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

  #send(message: ReplicateReply): void {
    this.#channel.send(message).catch((error) => this.#events.fail(error));
  }
}
