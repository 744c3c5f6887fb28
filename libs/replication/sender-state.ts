import type { RecordId } from '#model';
import { assert, unreachable } from '#runtime';
import { batchesInFlightMax, missingRoundsMax, waitingIdsMax, windowBytesMax } from './protocol-limits.ts';
import type { NeededRecord } from './walk-closure.ts';

/** Wanted records that wait for the window; the walk pauses beyond it, so memory stays flat. */
const waitingRecordsMax = 16_384;

/** A record on its way, with those of its ids that the receiver wants. */
export interface WantedRecord {
  readonly place: NeededRecord['place'];
  readonly ids: readonly RecordId[];
  /** Of its other ids, those that the receiver has said it does not need. */
  readonly declined: number;
}

export type SenderEvent =
  | { readonly type: 'granted'; readonly windowBytes: number }
  | { readonly type: 'walked'; readonly records: readonly NeededRecord[] }
  | { readonly type: 'walkEnded' }
  | { readonly type: 'wanted'; readonly batch: number; readonly isWanted: (index: number) => boolean }
  | { readonly type: 'prepared'; readonly place: NeededRecord['place']; readonly whole: boolean }
  | { readonly type: 'acknowledged'; readonly belowSequence: number }
  | { readonly type: 'stillMissing'; readonly records: readonly WantedRecord[] }
  | { readonly type: 'proved' };

export type SenderEffect =
  | { readonly do: 'walkOn' }
  | { readonly do: 'sendIds'; readonly batch: number; readonly records: readonly NeededRecord[] }
  | { readonly do: 'sendRecord'; readonly sequence: number; readonly record: WantedRecord }
  | { readonly do: 'sendDone'; readonly records: number }
  | { readonly do: 'finish' }
  | { readonly do: 'giveUp'; readonly reason: 'receiver_keeps_lacking' | 'unexpected_answer' };

/** Everything the sender decides from. Mutable inside one session; `nextSender` is the only writer. */
export interface SenderState {
  phase: 'offering' | 'sending' | 'proving' | 'ended';
  walking: 'paused' | 'asked' | 'ended';
  windowBytes: number;
  nextBatch: number;
  readonly unanswered: Map<number, readonly NeededRecord[]>;
  /** By place: one record that several batches want goes once. */
  readonly waiting: Map<string, WantedRecord>;
  /** Ids of all waiting records. */
  waitingIds: number;
  /** Being read and framed: more of its ids may come to be wanted meanwhile. */
  readonly underway: Map<string, { readonly sequence: number; readonly more: RecordId[] }>;
  /**
   * Sent with all their ids, as long as the receiver may want some of these in an answer that it gave before it had the
   * record: until the record is acknowledged, and then each batch that had no answer at that time has got one. So it holds
   * the window's records and what is wanted of 64 batches.
   */
  readonly sentWhole: Set<string>;
  /** Acknowledged records of `sentWhole`, and the batch below which all must have been answered; oldest first. */
  readonly settling: { readonly key: string; readonly belowBatch: number }[];
  nextSequence: number;
  readonly unacknowledged: { readonly sequence: number; readonly bytes: number; readonly key: string }[];
  unacknowledgedBytes: number;
  missingRounds: number;
}

export function initialSender(): SenderState {
  return {
    phase: 'offering',
    walking: 'paused',
    windowBytes: 0,
    nextBatch: 0,
    unanswered: new Map(),
    waiting: new Map(),
    waitingIds: 0,
    underway: new Map(),
    sentWhole: new Set(),
    settling: [],
    nextSequence: 0,
    unacknowledged: [],
    unacknowledgedBytes: 0,
    missingRounds: 0,
  };
}

/** Decides what follows from an event: no I/O, no clock. PROTOCOL.md section 4 has the states in a picture. */
export function nextSender(state: SenderState, event: SenderEvent): SenderEffect[] {
  const effects: SenderEffect[] = [];
  if (!take(state, event, effects)) {
    state.phase = 'ended';
    return [{ do: 'giveUp', reason: 'unexpected_answer' }];
  }
  if (state.phase === 'ended') return effects;
  sendWaiting(state, effects);
  walkOn(state, effects);
  endSending(state, effects);
  return effects;
}

/** Takes the event into the state; false when the receiver may not say this now. */
function take(state: SenderState, event: SenderEvent, effects: SenderEffect[]): boolean {
  switch (event.type) {
    case 'granted':
      if (state.phase !== 'offering') return false;
      state.phase = 'sending';
      state.windowBytes = Math.min(event.windowBytes, windowBytesMax);
      return true;
    case 'walked':
      assert(state.walking === 'asked', 'a walk that nobody asked for');
      state.walking = 'paused';
      state.unanswered.set(state.nextBatch, event.records);
      effects.push({ do: 'sendIds', batch: state.nextBatch, records: event.records });
      state.nextBatch += 1;
      return true;
    case 'walkEnded':
      state.walking = 'ended';
      return true;
    case 'wanted':
      return takeWanted(state, event.batch, event.isWanted);
    case 'prepared':
      takePrepared(state, event.place, event.whole);
      return true;
    case 'acknowledged':
      return takeAcknowledged(state, event.belowSequence);
    case 'stillMissing':
      if (state.phase !== 'proving') return false;
      state.missingRounds += 1;
      if (state.missingRounds > missingRoundsMax || event.records.length === 0) {
        state.phase = 'ended';
        effects.push({ do: 'giveUp', reason: 'receiver_keeps_lacking' });
        return true;
      }
      state.phase = 'sending';
      for (const record of event.records) want(state, record);
      return true;
    case 'proved':
      if (state.phase !== 'proving') return false;
      state.phase = 'ended';
      effects.push({ do: 'finish' });
      return true;
    default:
      return unreachable(event);
  }
}

function takeWanted(state: SenderState, batch: number, isWanted: (index: number) => boolean): boolean {
  const records = state.unanswered.get(batch);
  if (records === undefined) return false;
  state.unanswered.delete(batch);
  let index = 0;
  for (const { place, ids } of records) {
    const wanted = ids.filter(() => isWanted(index++));
    if (wanted.length > 0) want(state, { place, ids: wanted, declined: ids.length - wanted.length });
  }
  settle(state);
  return true;
}

/** Answers come in the order of their batches, or else a batch holds up what came after it. */
function settle(state: SenderState): void {
  const [oldest = state.nextBatch] = state.unanswered.keys();
  const settled = state.settling.findIndex(({ belowBatch }) => belowBatch > oldest);
  for (const { key } of state.settling.splice(0, settled < 0 ? state.settling.length : settled))
    state.sentWhole.delete(key);
}

function placeKey({ pack, offset }: NeededRecord['place']): string {
  return `${pack}:${offset}`;
}

/** A record may be wanted for several reasons, batches apart; it is on its way once. */
function want(state: SenderState, record: WantedRecord): void {
  const key = placeKey(record.place);
  if (state.sentWhole.has(key)) return;
  const underway = state.underway.get(key);
  if (underway !== undefined) {
    underway.more.push(...record.ids);
    return;
  }
  const known = state.waiting.get(key);
  state.waitingIds += record.ids.length;
  state.waiting.set(
    key,
    known === undefined
      ? record
      : { place: record.place, ids: [...known.ids, ...record.ids], declined: known.declined + record.declined },
  );
}

function takePrepared(state: SenderState, place: NeededRecord['place'], whole: boolean): void {
  const key = placeKey(place);
  const more = state.underway.get(key)?.more ?? [];
  state.underway.delete(key);
  if (whole) state.sentWhole.add(key);
  else if (more.length > 0) want(state, { place, ids: more, declined: 0 });
}

/** False for an acknowledgement of what has not left yet. */
function takeAcknowledged(state: SenderState, belowSequence: number): boolean {
  if (belowSequence > state.nextSequence) return false;
  let count = 0;
  for (const { sequence, bytes, key } of state.unacknowledged) {
    if (sequence >= belowSequence) break;
    if (state.underway.get(key)?.sequence === sequence) return false;
    state.unacknowledgedBytes -= bytes;
    state.settling.push({ key, belowBatch: state.nextBatch });
    count += 1;
  }
  state.unacknowledged.splice(0, count);
  settle(state);
  return true;
}

/** At least one record is always under way, so that one larger than the window does not wait for ever. */
function sendWaiting(state: SenderState, effects: SenderEffect[]): void {
  for (const [key, record] of state.waiting) {
    if (state.unacknowledgedBytes > 0 && state.unacknowledgedBytes + record.place.length > state.windowBytes) break;
    const sequence = state.nextSequence++;
    state.unacknowledged.push({ sequence, bytes: record.place.length, key });
    state.unacknowledgedBytes += record.place.length;
    state.waiting.delete(key);
    state.waitingIds -= record.ids.length;
    state.underway.set(key, { sequence, more: [] });
    effects.push({ do: 'sendRecord', sequence, record });
  }
}

function walkOn(state: SenderState, effects: SenderEffect[]): void {
  if (state.phase !== 'sending' || state.walking !== 'paused') return;
  if (state.unanswered.size >= batchesInFlightMax) return;
  if (state.waiting.size >= waitingRecordsMax || state.waitingIds >= waitingIdsMax) return;
  state.walking = 'asked';
  effects.push({ do: 'walkOn' });
}

function endSending(state: SenderState, effects: SenderEffect[]): void {
  const everythingSent =
    state.walking === 'ended' && state.unanswered.size + state.waiting.size + state.underway.size === 0;
  if (state.phase !== 'sending' || !everythingSent || state.unacknowledged.length > 0) return;
  state.phase = 'proving';
  effects.push({ do: 'sendDone', records: state.nextSequence });
}
