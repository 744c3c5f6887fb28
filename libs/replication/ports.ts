import type { DomainId, RecordId } from '#model';
import { type AppError, isAppError } from '#runtime';
import type { TrafficClass } from '#shaper';
import type { RecordKind, RecordView } from '#wire';

/** An ordered stream of messages to the other end, with its own credit: a link's channel, or a client's. */
export interface MessageChannel {
  /** Resolves when the message is within the other end's credit and on its way. */
  send(message: Uint8Array): Promise<void>;
  /** The next message; undefined at a clean end. Rejects with the other end's AppError, or with `channel_closed`. */
  receive(): Promise<Uint8Array | undefined>;
  end(): Promise<void>;
  abort(error: AppError): void;
  /** Payload bytes that the line has taken, and brought: they grow within a message, too. Without them whole messages count. */
  readonly bytesSent?: number;
  readonly bytesReceived?: number;
  /** What this end's messages are for: their turn at the limit. */
  trafficClass?: TrafficClass;
  /** Nothing but this end's limit keeps it from sending. */
  readonly heldBack?: boolean;
  /** How often the other end has said that of itself. */
  readonly heldNotes?: number;
}

/** Where a record lies: equal for all ids of one record; ordered as a disk reads. */
export interface RecordPlace {
  readonly pack: number;
  readonly offset: number;
  readonly length: number;
  readonly kind: RecordKind;
}

/** What the state machines need of the store. */
export interface RecordStore {
  /** Takes a record that was parsed or sealed here. Resolves when it and all appended before it are on stable storage. */
  append(record: RecordView): Promise<void>;
  /** Asks for the group in progress to be made durable now. */
  flush(): Promise<void>;
  /** Appended by this process and not yet durable. */
  isPending(domainId: DomainId, id: RecordId): boolean;
  /** In the order of `ids`; undefined for what is not durable here. */
  locateMany(domainId: DomainId, ids: readonly RecordId[]): Promise<(RecordPlace | undefined)[]>;
  /** Reads and checks the checksum: `record_damaged` when the disk gives other bytes than were written; undefined when it is not here. */
  read(domainId: DomainId, id: RecordId): Promise<RecordView | undefined>;
  /** The same at a known place; `place_gone` when a repair has moved what lay there. */
  readAt(place: RecordPlace): Promise<RecordView>;
}

/** Reads the record that was found at `place` for `id`, wherever a repair may have moved it since. */
export async function readFound(
  store: RecordStore,
  domainId: DomainId,
  id: RecordId,
  place: RecordPlace,
): Promise<RecordView> {
  try {
    return await store.readAt(place);
  } catch (error) {
    const moved = isAppError(error, 'place_gone') ? await store.read(domainId, id) : undefined;
    if (moved === undefined) throw error;
    return moved;
  }
}
