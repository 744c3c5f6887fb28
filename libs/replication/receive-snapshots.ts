import { asId, type DatasetId, type DomainId, type SessionId, type SiteId, type SnapshotId } from '#model';
import { AppError, isAppError, type Random, toHex, unreachable } from '#runtime';
import { protocolViolation, sessionCut, sessionStalled } from './errors.ts';
import { type ReplicateReply, type ReplicateRequest, receiverChannel, type TypedChannel } from './messages.ts';
import type { MessageChannel } from './ports.ts';
import { stallMs } from './protocol-limits.ts';
import { type ReceiverPorts, ReceiverSession } from './receiver-session.ts';
import { initialReceiver, nextReceiver } from './receiver-state.ts';

/** What is offered, with its lengths checked. */
export interface OfferedSnapshot {
  readonly snapshotId: SnapshotId;
  readonly datasetId: DatasetId;
  readonly domainId: DomainId;
  readonly baseCandidates: readonly SnapshotId[];
}

/** What the receiver asks of the catalog. */
export interface CopyBook {
  /** Throws a typed error when this peer may not give this snapshot: unknown to the catalog, another realm, pruned here. */
  checkOffer(from: SiteId, offered: OfferedSnapshot): void;
  /** True when this site's log says that it holds the snapshot, proved. */
  holds(snapshotId: SnapshotId): boolean;
  /** True when it holds the snapshot and knows of nothing that it has lost since: only then does having it let anything be skipped. */
  mayBeBase(snapshotId: SnapshotId): boolean;
  /** Logs durably that this site holds the snapshot. The catalog comes last: a crash before it costs a resend, never a snapshot. */
  recordCopy(offered: OfferedSnapshot): Promise<void>;
}

export interface ReceiverOptions extends ReceiverPorts {
  readonly copies: CopyBook;
  readonly random: Random;
}

/** Base candidates in an offer at most. */
const candidatesMax = 64;

/** All snapshots that are coming in: grants one sender a snapshot, and knows which session a data channel belongs to. */
export class SnapshotReceiver {
  readonly #options: () => ReceiverOptions;
  readonly #sessions = new Map<string, ReceiverSession>();
  readonly #incoming = new Set<string>();

  /** `options` is asked for each session: keys change while it lives. */
  constructor(options: () => ReceiverOptions) {
    this.#options = options;
  }

  /** Serves one channel of service "replicate" to its end. Throws the typed error that the sender is to be told. */
  async serve(raw: MessageChannel, from: SiteId): Promise<void> {
    const channel = receiverChannel(raw);
    const first = await this.#first(raw, () => channel.receive());
    if (first === undefined) return;
    if (!first.offer) throw protocolViolation('it did not begin with an offer');
    const offered = checkedOffer(first.offer);
    const options = this.#options();
    options.copies.checkOffer(from, offered);
    if (options.copies.holds(offered.snapshotId)) {
      await channel.send({ alreadyHeld: {} });
      return;
    }
    const key = toHex(offered.snapshotId);
    if (this.#incoming.has(key)) throw alreadyComing();
    this.#incoming.add(key);
    try {
      await this.#receive(channel, offered, options);
    } finally {
      this.#incoming.delete(key);
    }
  }

  /** Serves one channel of service "records": its first message names the session. */
  async serveRecords(raw: MessageChannel): Promise<void> {
    const first = await this.#first(raw, () => raw.receive());
    if (first === undefined) return;
    const session = this.#sessions.get(toHex(asId('SessionId', first)));
    if (session === undefined) throw sessionCut();
    await session.readRecords(raw);
  }

  /** Who opens a channel and says nothing on it does not keep it. */
  async #first<T>(raw: MessageChannel, receive: () => Promise<T>): Promise<T> {
    const limit = this.#options().timers.after(stallMs, () => raw.abort(sessionStalled()));
    try {
      return await receive();
    } finally {
      limit.cancel();
    }
  }

  async #receive(
    channel: TypedChannel<ReplicateReply, ReplicateRequest>,
    offered: OfferedSnapshot,
    options: ReceiverOptions,
  ): Promise<void> {
    const sessionId = options.random.bytes(16) as SessionId;
    const base = offered.baseCandidates.find((candidate) => options.copies.mayBeBase(candidate));
    using session = new ReceiverSession({ sessionId, ...offered, base }, channel, options);
    this.#sessions.set(toHex(sessionId), session);
    try {
      const { windowBytes } = options;
      const { opensPacked } = session;
      const baseSnapshotId = base ?? new Uint8Array(0);
      await channel.send({ granted: { sessionId, baseSnapshotId, windowBytes, opensPacked } });
      await drive(session, offered, options);
    } finally {
      this.#sessions.delete(toHex(sessionId));
    }
  }
}

async function drive(
  session: ReceiverSession,
  offered: OfferedSnapshot,
  { copies, windowBytes }: ReceiverOptions,
): Promise<void> {
  const state = initialReceiver(windowBytes);
  for (;;) {
    for (const effect of nextReceiver(state, await session.nextEvent())) {
      switch (effect.do) {
        case 'answer':
          session.answer(effect.batch, effect.wanted);
          break;
        case 'store':
          session.store(effect.sequence);
          break;
        case 'skip':
          session.skip(effect.sequence);
          break;
        case 'drop':
          session.drop(effect.sequence);
          break;
        case 'acknowledge':
          session.acknowledge(effect.belowSequence);
          break;
        case 'prove':
          session.prove();
          break;
        case 'tellMissing':
          session.tellMissing(effect.ids);
          break;
        case 'recordCopy':
          await session.busyWith(copies.recordCopy(offered));
          return session.tellProved();
        case 'refuse':
          throw protocolViolation(effect.what);
        default:
          return unreachable(effect);
      }
    }
  }
}

function checkedOffer(offer: NonNullable<ReplicateRequest['offer']>): OfferedSnapshot {
  if (offer.baseCandidates.length > candidatesMax) throw protocolViolation('too many base candidates');
  return {
    snapshotId: asId('SnapshotId', offer.snapshotId),
    datasetId: asId('DatasetId', offer.datasetId),
    domainId: asId('DomainId', offer.domainId),
    baseCandidates: offer.baseCandidates.map((id) => asId('SnapshotId', id)),
  };
}

function alreadyComing(): AppError {
  return new AppError('another sender is giving this snapshot already', {
    code: 'already_receiving',
    retryable: true,
    advice: 'Nothing to do: it is offered again when that transfer ends.',
  });
}

/** True for errors after which the sender should simply try again later. */
export function isPassing(error: unknown): boolean {
  return isAppError(error) && error.retryable;
}
