import type { DatasetId, DomainId, SnapshotId } from '#model';
import { AppError, unreachable } from '#runtime';
import type { TrafficClass } from '#shaper';
import { type PeerChannels, type SenderPorts, SenderSession } from './sender-session.ts';
import { initialSender, nextSender } from './sender-state.ts';
import type { Savings } from './wire-encoder.ts';

/** One snapshot to bring to one peer. */
export interface ReplicationJob {
  readonly snapshotId: SnapshotId;
  readonly datasetId: DatasetId;
  readonly domainId: DomainId;
  /** Complete snapshots of the dataset that are here, newest first, at most 64: the receiver pins one as base. */
  readonly baseCandidates: readonly SnapshotId[];
  /** How to name it in errors: SITE/DATASET@TIME. */
  readonly name: string;
  /** The turn of its records at the limit of the line; default 'backup'. */
  readonly trafficClass?: TrafficClass;
}

export interface ReplicationOutcome {
  /** The peer had the snapshot, proved, before anything was sent. */
  readonly alreadyHeld: boolean;
  readonly sentRecords: number;
  /** All that travelled on "records". */
  readonly sentBytes: number;
  readonly savings: Savings;
  /** All messages of the session, both ways, without what the link and TCP add. */
  readonly lineBytes: number;
}

/**
 * Brings a snapshot to a peer: offer -> wanted -> for each record: read, shape, send -> acknowledged -> proved. When it
 * returns, the peer has proved that it holds everything the snapshot needs and has logged the copy durably.
 * Cut off at any point, a second call resumes: the receiver wants only what it does not have on stable storage.
 * Throws the typed error of either end; `retryable` says whether the same call may do better later.
 */
export async function replicateSnapshot(
  job: ReplicationJob,
  peer: PeerChannels,
  ports: SenderPorts,
  onProgress?: (sofar: { readonly sentRecords: number; readonly sentBytes: number }) => void,
): Promise<ReplicationOutcome> {
  await using session = await SenderSession.offer(job, peer, ports);
  if (session.alreadyHeld) return outcomeOf(session);
  const state = initialSender();
  for (;;) {
    for (const effect of nextSender(state, await session.nextEvent())) {
      switch (effect.do) {
        case 'walkOn':
          session.walkOn();
          break;
        case 'sendIds':
          session.sendIds(effect.batch, effect.records);
          break;
        case 'sendRecord':
          session.sendRecord(effect.sequence, effect.record);
          break;
        case 'sendDone':
          session.sendDone(effect.records);
          break;
        case 'finish':
          return outcomeOf(session);
        case 'giveUp':
          throw gaveUp(job, effect.reason);
        default:
          return unreachable(effect);
      }
    }
    onProgress?.(session);
  }
}

function outcomeOf(session: SenderSession): ReplicationOutcome {
  const { alreadyHeld, sentRecords, sentBytes, savings, lineBytes } = session;
  return { alreadyHeld, sentRecords, sentBytes, savings, lineBytes };
}

function gaveUp(job: ReplicationJob, reason: 'receiver_keeps_lacking' | 'unexpected_answer'): AppError {
  return new AppError(`the peer could not complete ${job.name}: ${reason.replaceAll('_', ' ')}`, {
    code: `replication_${reason}`,
    advice: 'Run "sitepair store check" at both sites; if both are clean, please report this.',
  });
}
