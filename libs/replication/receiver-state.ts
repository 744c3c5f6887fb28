import { idLengths, type RecordId } from '#model';
import { toHex, unreachable } from '#runtime';
import { recordLength, recordLimits } from '#wire';
import { batchesInFlightMax, batchIdsMax, missingRoundsMax, waitingIdsMax } from './protocol-limits.ts';

/**
 * Ids that an honest sender may be asked for at once, twice over: those that wait at it, those of the batches in flight, and
 * as many as a window has room for. With a window of 32 MiB that is 6 million, 600 MB for who is not honest.
 */
const outstandingMax = (windowBytes: number) =>
  2 * (waitingIdsMax + batchesInFlightMax * batchIdsMax) + Math.ceil((2 * windowBytes) / idLengths.RecordId);
/** The shortest record, so that a window counts at most so many: FORMAT.md section 2. */
const recordBytesMin = recordLength(1, 0, recordLimits.sealedMin);

export type ReceiverEvent =
  | {
      readonly type: 'ids';
      readonly batch: number;
      readonly ids: readonly RecordId[];
      readonly here: readonly boolean[];
    }
  | {
      readonly type: 'record';
      readonly sequence: number;
      readonly ids: readonly RecordId[];
      /** There is more than one connection: when one is lost, what was under way there comes again. */
      readonly mayRepeat?: boolean;
    }
  | { readonly type: 'durable'; readonly belowSequence: number }
  | { readonly type: 'done'; readonly records: number }
  | { readonly type: 'proof'; readonly missing: readonly RecordId[] };

export type ReceiverEffect =
  | { readonly do: 'answer'; readonly batch: number; readonly wanted: readonly boolean[] }
  | { readonly do: 'store'; readonly sequence: number }
  /** It brings nothing that has not come: acknowledged with what came before it, and not stored. */
  | { readonly do: 'skip'; readonly sequence: number }
  /** It has come before: as if it had not. */
  | { readonly do: 'drop'; readonly sequence: number }
  | { readonly do: 'acknowledge'; readonly belowSequence: number }
  | { readonly do: 'prove' }
  | { readonly do: 'tellMissing'; readonly ids: readonly RecordId[] }
  | { readonly do: 'recordCopy' }
  | { readonly do: 'refuse'; readonly what: string };

/** Everything the receiver decides from; `nextReceiver` is the only writer. */
export interface ReceiverState {
  phase: 'receiving' | 'proving' | 'ended';
  /** Asked for and not yet arrived: asked for once, and nothing else is taken. */
  readonly outstanding: Set<string>;
  readonly arrived: Set<number>;
  readonly windowBytes: number;
  /** Ids asked for until now: an honest sender sends at most one record for each. */
  asked: number;
  received: number;
  durableBelow: number;
  missingRounds: number;
}

export function initialReceiver(windowBytes: number): ReceiverState {
  return {
    phase: 'receiving',
    outstanding: new Set(),
    arrived: new Set(),
    windowBytes,
    asked: 0,
    received: 0,
    durableBelow: 0,
    missingRounds: 0,
  };
}

/** Decides what follows from an event: no I/O, no clock. A record is acknowledged only after a 'durable' event covers it. */
export function nextReceiver(state: ReceiverState, event: ReceiverEvent): ReceiverEffect[] {
  if (state.phase === 'ended') return [];
  switch (event.type) {
    case 'ids':
      return takeIds(state, event);
    case 'record':
      return takeRecord(state, event);
    case 'durable':
      state.durableBelow = event.belowSequence;
      for (const sequence of state.arrived) if (sequence < event.belowSequence) state.arrived.delete(sequence);
      return [{ do: 'acknowledge', belowSequence: event.belowSequence }];
    case 'done':
      if (state.phase !== 'receiving') return refuse(state, 'it ended sending twice');
      if (event.records !== state.durableBelow || state.arrived.size > 0)
        return refuse(state, 'it counts other records than were acknowledged');
      state.phase = 'proving';
      return [{ do: 'prove' }];
    case 'proof':
      return takeProof(state, event.missing);
    default:
      return unreachable(event);
  }
}

function takeIds(state: ReceiverState, event: Extract<ReceiverEvent, { type: 'ids' }>): ReceiverEffect[] {
  if (state.phase !== 'receiving') return refuse(state, 'ids after the end of sending');
  const wanted = event.ids.map((id, i) => {
    const key = toHex(id);
    if (event.here[i] === true || state.outstanding.has(key)) return false;
    state.outstanding.add(key);
    state.asked += 1;
    return true;
  });
  if (state.outstanding.size > outstandingMax(state.windowBytes)) return refuse(state, 'too many ids at once');
  return [{ do: 'answer', batch: event.batch, wanted }];
}

function takeRecord(
  state: ReceiverState,
  { sequence, ids, mayRepeat = false }: Extract<ReceiverEvent, { type: 'record' }>,
): ReceiverEffect[] {
  const isRepeated = sequence < state.durableBelow || state.arrived.has(sequence);
  if (isRepeated && mayRepeat) return [{ do: 'drop', sequence }];
  if (state.phase !== 'receiving') return refuse(state, 'a record after the end of sending');
  if (isRepeated) return refuse(state, 'a sequence number used twice');
  // Who leaves one out and goes on would have numbers kept without end, for nothing could be acknowledged.
  if (sequence > state.durableBelow + state.windowBytes / recordBytesMin)
    return refuse(state, 'a sequence number beyond the window');
  let isNew = false;
  for (const id of ids) if (state.outstanding.delete(toHex(id))) isNew = true;
  if (state.received === state.asked) return refuse(state, 'a record that was not asked for');
  state.arrived.add(sequence);
  state.received += 1;
  // The sender's store may hold an id in several records: what was asked of one has come with another, sent for other ids.
  return [{ do: isNew ? 'store' : 'skip', sequence }];
}

function takeProof(state: ReceiverState, missing: readonly RecordId[]): ReceiverEffect[] {
  if (missing.length === 0) {
    state.phase = 'ended';
    return [{ do: 'recordCopy' }];
  }
  state.missingRounds += 1;
  // An honest sender has given up before: to go on without end would have this site prove without end.
  if (state.missingRounds > missingRoundsMax + 1) return refuse(state, 'it does not send what is missing');
  state.phase = 'receiving';
  for (const id of missing) state.outstanding.add(toHex(id));
  state.asked += missing.length;
  return [{ do: 'tellMissing', ids: missing }];
}

function refuse(state: ReceiverState, what: string): ReceiverEffect[] {
  state.phase = 'ended';
  return [{ do: 'refuse', what }];
}
