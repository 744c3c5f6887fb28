import type { DomainId, RecordId } from '#model';
import type { KeyBook } from '#records';
import { assert, type Clock, type Random, type Timers, toHex } from '#runtime';
import { CodingPace, packersMax } from './coding-pace.ts';
import { ContentReader } from './content-reader.ts';
import { DictionaryFinder } from './dictionary-finder.ts';
import { EarlierVersions } from './earlier-versions.ts';
import { protocolViolation, sessionCut } from './errors.ts';
import { type OpenedRecord, openWanted } from './open-wanted.ts';
import { packContents, packedRawMax } from './pack-contents.ts';
import { packedBytes } from './packed-bodies.ts';
import { packedContentsMax } from './packed-limits.ts';
import { type RecordStore, readFound } from './ports.ts';
import { prepareRecord } from './prepare-record.ts';
import type { WantedRecord } from './sender-state.ts';
import { TreeReader } from './tree-reader.ts';
import { wholeMessage } from './wire-message.ts';

/** What the sender may know of the line to a peer that holds the realm's keys. There is none for a blind peer. */
export interface PackingPort {
  readonly clock: Clock;
  /** Of the line to this peer: a limit in force, or what was measured before. Undefined while nobody knows. */
  lineRateBytesPerSecond(): number | undefined;
  /** What this session has measured. */
  measured?(bytesPerSecond: number): void;
}

export interface WireEncoderOptions {
  readonly store: RecordStore;
  readonly keys: KeyBook | undefined;
  readonly random: Random;
  readonly timers: Timers;
  readonly domainId: DomainId;
  readonly snapshotId: RecordId;
  readonly base: RecordId | undefined;
  /** Undefined when nothing may be packed for this receiver: all records go as they lie. */
  readonly packing: PackingPort | undefined;
  readonly signal: AbortSignal;
}

export interface EncodedRecord {
  /** Undefined when the record travels in the message of an earlier one. */
  readonly message: Uint8Array | undefined;
  /** It brings all that the record holds. */
  readonly whole: boolean;
}

interface Task {
  readonly sequence: number;
  readonly wanted: WantedRecord;
  readonly done: PromiseWithResolvers<EncodedRecord>;
}

interface OpenedTask extends Task {
  readonly opened: OpenedRecord;
}

/** A message that is not acknowledged yet. */
interface Underway {
  readonly last: number;
  readonly bytes: number;
  readonly ids: readonly RecordId[];
  /** Until the receiver has asked for them whole. */
  tasks: readonly Task[];
}

/** What was to be sent, in bytes. */
export interface Savings {
  /** All files of the snapshot; 0 when nobody here can read that. */
  readonly contentBytes: number;
  /** Records as they lie in packs, as far as the receiver lacked them: what would be sent if nothing were packed. */
  readonly newBytes: number;
}

/** Contents that zstd at level 3 has made no smaller than that are left alone when the receiver has nothing like them. */
const incompressibleRatio = 0.97;
/** Small contents may be like each other, and cost little. */
const judgedBytesMin = 64 * 1024;

/** Makes messages of wanted records: as they lie, or several together compressed again, with what the receiver has as dictionary. */
export class WireEncoder {
  readonly #options: WireEncoderOptions;
  readonly #pace: CodingPace | undefined;
  readonly #earlier: EarlierVersions | undefined;
  readonly #finder: DictionaryFinder | undefined;
  readonly #reader: ContentReader | undefined;
  readonly #underway = new Map<number, Underway>();
  readonly #queue: Task[] = [];
  readonly #disposed = new AbortController();
  #packers = 0;
  #packerFree = Promise.withResolvers<void>();
  #isGathering = false;
  #newBytes = 0;

  constructor(options: WireEncoderOptions) {
    this.#options = options;
    const { packing, store, keys, domainId, timers, snapshotId, base, signal } = options;
    if (packing === undefined || !keys?.hasDomain(domainId)) return;
    const known = packing.lineRateBytesPerSecond();
    this.#pace = new CodingPace(known, () => packing.lineRateBytesPerSecond());
    const trees = new TreeReader(store, keys, domainId);
    const ended = AbortSignal.any([signal, this.#disposed.signal]);
    this.#earlier = new EarlierVersions({ trees, timers, snapshotId, base, signal: ended });
    this.#reader = new ContentReader(store, keys, domainId);
    this.#finder = new DictionaryFinder(this.#reader, this.#earlier);
  }

  get savings(): Savings {
    const contentBytes = this.#earlier?.contentBytes ?? 0;
    return { contentBytes, newBytes: this.#newBytes };
  }

  /** The message for a record; those that are asked for in one turn and soon after may travel together. */
  encode(sequence: number, wanted: WantedRecord): Promise<EncodedRecord> {
    const task = { sequence, wanted, done: Promise.withResolvers<EncodedRecord>() };
    if (this.#pace === undefined || this.#pace.isLineFaster) this.#sendWhole(task);
    else {
      this.#queue.push(task);
      this.#gatherAll().catch((error) => this.#failAll(error));
    }
    return task.done.promise;
  }

  /** What came before this number is on stable storage at the receiver. */
  acknowledged(belowSequence: number): void {
    for (const [first, { last, bytes, ids }] of this.#underway) {
      if (last >= belowSequence) continue;
      this.#underway.delete(first);
      this.#finder?.acknowledged(ids);
      if (this.#pace === undefined || this.#options.packing === undefined) continue;
      this.#pace.line.acknowledged(bytes, this.#options.packing.clock.monotonicMs());
      const { measured } = this.#pace.line;
      if (measured !== undefined) this.#options.packing.measured?.(measured);
    }
  }

  /** The records of a message whose dictionary the receiver lacks, as they lie. Each message is asked for once at most. */
  async wholeAgain(firstSequence: number): Promise<Uint8Array[]> {
    const underway = this.#underway.get(firstSequence);
    if (underway === undefined || underway.tasks.length === 0)
      throw protocolViolation('a dictionary is missed of what is not under way');
    const { tasks } = underway;
    underway.tasks = [];
    const messages: Uint8Array[] = [];
    for (const { sequence, wanted } of tasks) {
      messages.push(wholeMessage(sequence, (await this.#read(wanted)).bytes));
    }
    return messages;
  }

  /** The session is over: nothing need be looked for any more. */
  [Symbol.dispose](): void {
    this.#disposed.abort(sessionCut());
  }

  /** Takes what waits, message by message; while two are being packed it waits, and more comes together. */
  async #gatherAll(): Promise<void> {
    if (this.#isGathering) return;
    this.#isGathering = true;
    try {
      await Promise.resolve();
      while (this.#queue.length > 0) {
        while (this.#packers >= packersMax) {
          this.#packerFree = Promise.withResolvers();
          await this.#packerFree.promise;
        }
        await this.#gather();
      }
    } finally {
      this.#isGathering = false;
    }
  }

  async #gather(): Promise<void> {
    const tasks: OpenedTask[] = [];
    const dictionary = new Map<string, RecordId>();
    let rawBytes = 0;
    let pairedBytes = 0;
    let contents = 0;
    for (let task = this.#queue.shift(); task !== undefined; task = this.#queue.shift()) {
      const opened = await this.#open(task);
      if (opened === undefined) continue;
      const ids = (await this.#finder?.idsFor(opened)) ?? [];
      const bytes = packedBytes(opened.body);
      if (ids.length === 0 && bytes >= judgedBytesMin && opened.storedBytes > bytes * incompressibleRatio) {
        this.#sendWhole(task);
        continue;
      }
      // It would not fit: it begins the next message.
      const isFull =
        rawBytes + bytes > packedRawMax(pairedBytes > 0) || contents + opened.ids.length > packedContentsMax;
      if (isFull && tasks.length > 0) {
        this.#queue.unshift(task);
        break;
      }
      tasks.push({ ...task, opened });
      for (const id of ids) dictionary.set(toHex(id), id);
      rawBytes += bytes;
      contents += opened.ids.length;
      if (ids.length > 0) pairedBytes += bytes;
    }
    if (tasks.length === 0) return;
    this.#packers += 1;
    this.#pack(tasks, [...dictionary.values()], pairedBytes > rawBytes / 2)
      .catch((error) => {
        for (const { done } of tasks) done.reject(error);
      })
      .finally(() => {
        this.#packers -= 1;
        this.#packerFree.resolve();
      });
  }

  /** Undefined when it cannot be read: whoever asked has been told. */
  async #open({ wanted, done }: Task): Promise<OpenedRecord | undefined> {
    try {
      const { keys } = this.#options;
      assert(keys !== undefined, 'packing without keys');
      return openWanted(keys, await this.#read(wanted), wanted.ids, wanted.declined);
    } catch (error) {
      done.reject(error);
      return undefined;
    }
  }

  async #pack(tasks: readonly OpenedTask[], dictionary: readonly RecordId[], hasDictionary: boolean): Promise<void> {
    const { packing } = this.#options;
    if (packing === undefined || this.#pace === undefined || this.#reader === undefined) return;
    const bodies = tasks.map(({ sequence, opened }) => ({ sequence, opened }));
    const context = { reader: this.#reader, pace: this.#pace, clock: packing.clock };
    const message = await packContents(context, bodies, dictionary, hasDictionary);
    if (message === undefined) {
      for (const task of tasks) this.#sendWhole(task);
      return;
    }
    const [first, last] = [tasks[0]?.sequence ?? 0, tasks.at(-1)?.sequence ?? 0];
    const ids = tasks.flatMap(({ opened }) => opened.ids);
    this.#newBytes += tasks.reduce((sum, { opened }) => sum + opened.storedBytes, 0);
    this.#leave(first, { last, bytes: message.length, ids, tasks });
    for (const [i, { done, opened }] of tasks.entries())
      done.resolve({ message: i === 0 ? message : undefined, whole: opened.isWhole });
  }

  #sendWhole({ sequence, wanted, done }: Task): void {
    this.#whole(sequence, wanted).then(done.resolve, done.reject);
  }

  async #whole(sequence: number, wanted: WantedRecord): Promise<EncodedRecord> {
    const { keys, random } = this.#options;
    const record = await this.#read(wanted);
    const bytes = await prepareRecord(record, wanted.ids, wanted.declined, keys, random);
    const message = wholeMessage(sequence, bytes);
    this.#newBytes += bytes.length;
    this.#leave(sequence, { last: sequence, bytes: message.length, ids: [], tasks: [] });
    return { message, whole: bytes === record.bytes };
  }

  #leave(first: number, underway: Underway): void {
    this.#underway.set(first, underway);
    const { packing } = this.#options;
    if (packing !== undefined) this.#pace?.line.left(underway.bytes, packing.clock.monotonicMs());
  }

  #read({ place, ids }: WantedRecord) {
    const { store, domainId } = this.#options;
    return readFound(store, domainId, ids[0] as RecordId, place);
  }

  #failAll(error: unknown): void {
    for (const { done } of this.#queue.splice(0)) done.reject(error);
  }
}
