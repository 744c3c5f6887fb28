import type { Link } from '#link';
import type { DatasetId, DomainId, SiteId, SnapshotId } from '#model';
import {
  isPassing,
  type PackingPort,
  type RecordStore,
  type ReplicationOutcome,
  replicateSnapshot,
} from '#replication';
import { AppError, type Clock, isAppError, type Random, type Timers, toHex } from '#runtime';
import type { TrafficClass } from '#shaper';
import type { ReplicateResult, Run } from './operations.ts';
import { isFullPair, type Peer } from './peers.ts';
import type { RealmKeys } from './realm-keys.ts';

/** A snapshot that is complete here and not at a peer. */
export interface PendingSnapshot {
  readonly snapshotId: SnapshotId;
  readonly datasetId: DatasetId;
  readonly domainId: DomainId;
  readonly name: string;
}

/** What replication asks of the catalog. */
export interface CopyOverview {
  /** Oldest first, so that a later one finds its base at the peer. */
  pendingFor(peer: SiteId, dataset: string | undefined): PendingSnapshot[];
  /** Snapshots of a dataset that are complete here, newest first. */
  heldHere(datasetId: DatasetId, countMax: number): SnapshotId[];
}

export interface ReplicatorOptions {
  readonly store: RecordStore;
  readonly keys: RealmKeys;
  readonly overview: CopyOverview;
  readonly link: (siteId: Uint8Array) => Link | undefined;
  /** Which class the snapshots of a dataset (SITE/DATASET) travel in; backup where nobody says. */
  readonly classOf?: (dataset: string) => TrafficClass;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly onFailure: (error: unknown, peer: Peer) => void;
}

export type PeerResult = ReplicateResult['peers'][number];

/**
 * The newest snapshots, and of older ones fewer and fewer: some base is found whatever the peer has pruned, and an offer of
 * something that it holds already costs less than a kilobyte.
 */
const newestCandidates = 16;
const baseCandidatesMax = 24;
const heldLookedAt = newestCandidates + 2 ** (baseCandidatesMax - newestCandidates);
/**
 * How long a passing refusal waits before the next try, twice as long each time. The first wait is short: an offer is often
 * there a moment before the catalog entry that it names. Later ones are for a cut line and for another sender.
 */
const firstRetryDelayMs = 25;
const retryDelayMaxMs = 2000;
/** For a peer that does not get to hear of the snapshot: its catalog may be held up for days. */
const unknownDelayMaxMs = 60_000;
/** How long a command waits for a link that is down. */
const linkPatienceMs = 30_000;

/** What a run has brought to its peer until now, by snapshot id. */
type Outcomes = Map<string, ReplicationOutcome>;

interface Running {
  readonly done: Promise<unknown>;
  readonly outcomes: Outcomes;
}

/** How long a command waits for the catalog to hear of what the peer has proved: nothing is lost when it does not. */
const hearingPatienceMs = 5000;
const hearingPollMs = 50;

/** Brings peers up to date: by itself when something is new, and when somebody asks and waits. One run a peer at a time. */
export class Replicator {
  readonly #options: ReplicatorOptions;
  readonly #running = new Map<string, Running>();
  readonly #again = new Set<string>();
  readonly #stop = new AbortController();
  /** What the last session with a peer has measured. */
  readonly #lineRates = new Map<string, number>();

  /** Events of sessions with a peer. */
  readonly #answers = new Map<string, number>();

  constructor(options: ReplicatorOptions) {
    this.#options = options;
  }

  /** Something is new here, or this peer is back: sends what it lacks, in the background. */
  nudge(peer: Peer): void {
    const key = toHex(peer.siteId);
    if (this.#stop.signal.aborted) return;
    if (this.#running.has(key)) {
      this.#again.add(key);
      return;
    }
    const run: Run = { signal: this.#stop.signal, progress: () => undefined };
    this.#bringAlone(peer, undefined, run, new Map()).catch((error) => this.#onBackgroundFailure(error, peer));
  }

  /**
   * Brings one peer up to date and waits for it; cut links are waited for and resumed. What a run that is under way brings
   * of it meanwhile counts as brought by this one.
   */
  async bring(peer: Peer, dataset: string | undefined, run: Run): Promise<PeerResult> {
    const { overview, clock } = this.#options;
    const startedMs = clock.monotonicMs();
    const lacking = overview.pendingFor(peer.siteId, dataset).map(({ snapshotId }) => toHex(snapshotId));
    const outcomes: Outcomes = new Map();
    for (;;) {
      const others = this.#running.get(toHex(peer.siteId));
      if (others === undefined) break;
      run.progress({ doing: `waiting for the replication to ${peer.name} that is under way`, doneBytes: 0 });
      await orAborted(others.done, run.signal);
      for (const id of lacking) {
        const outcome = others.outcomes.get(id);
        if (outcome !== undefined) outcomes.set(id, outcome);
      }
    }
    await this.#bringAlone(peer, dataset, run, outcomes);
    const seconds = (clock.monotonicMs() - startedMs) / 1000;
    await this.#untilHeard(peer, dataset, outcomes, run);
    return { peer: peer.name, ...totalOf(outcomes), seconds };
  }

  /** So that who asks next is told of the copies: the peer's log brings them, a moment after the proof. */
  async #untilHeard(peer: Peer, dataset: string | undefined, brought: Outcomes, run: Run): Promise<void> {
    const { overview, timers } = this.#options;
    for (let waitedMs = 0; waitedMs < hearingPatienceMs; waitedMs += hearingPollMs) {
      const pending = overview.pendingFor(peer.siteId, dataset);
      if (!pending.some(({ snapshotId }) => brought.has(toHex(snapshotId)))) return;
      await timers.sleep(hearingPollMs, run.signal);
    }
  }

  /** Something is on its way to this peer, or waits for its link. */
  isRunning(siteId: Uint8Array): boolean {
    return this.#running.has(toHex(siteId));
  }

  /** Grows with each answer of the peer; what this end does of itself counts, too, and stops when answers do not come. */
  answers(siteId: Uint8Array): number {
    return this.#answers.get(toHex(siteId)) ?? 0;
  }

  async close(): Promise<void> {
    this.#stop.abort(shuttingDown());
    await Promise.allSettled([...this.#running.values()].map(({ done }) => done));
  }

  async #bringAlone(peer: Peer, dataset: string | undefined, run: Run, outcomes: Outcomes): Promise<void> {
    const key = toHex(peer.siteId);
    const done = this.#bringAll(peer, dataset, run, outcomes);
    this.#running.set(key, { done, outcomes });
    try {
      await done;
    } finally {
      this.#running.delete(key);
      if (this.#again.delete(key)) this.nudge(peer);
    }
  }

  /** What `outcomes` has already is at the peer, though the catalog here may not say so yet. */
  async #bringAll(peer: Peer, dataset: string | undefined, run: Run, outcomes: Outcomes): Promise<void> {
    const pending = this.#options.overview.pendingFor(peer.siteId, dataset);
    let failure: AppError | undefined;
    for (const snapshot of pending) {
      const id = toHex(snapshot.snapshotId);
      if (outcomes.has(id)) continue;
      try {
        outcomes.set(id, await this.#persist(peer, snapshot, run, totalOf(outcomes).sentBytes));
      } catch (error) {
        // What ails one snapshot must not keep the others from a second building; what ails the line or the run ends it.
        if (!isAppError(error) || error.retryable || run.signal.aborted) throw error;
        failure ??= error;
      }
    }
    if (failure !== undefined) throw failure;
  }

  /** One snapshot, through cuts: what was acknowledged is not sent again. */
  async #persist(peer: Peer, snapshot: PendingSnapshot, run: Run, sentBefore: number) {
    for (let retryDelayMs = firstRetryDelayMs; ; ) {
      run.signal.throwIfAborted();
      const link = await this.linkTo(peer, run);
      try {
        return await this.#send(link, peer, snapshot, run, sentBefore);
      } catch (error) {
        if (!isPassing(error)) throw toldBy(peer, error);
        // A peer whose disk hangs is no passing cut: whoever reads the log finds it, once for each two minutes that it took.
        if (isAppError(error, 'session_stalled')) this.#options.onFailure(error, peer);
        run.progress({
          doing: `${snapshot.name} to ${peer.name}: ${isAppError(error) ? error.message : 'cut'}; going on soon`,
          doneBytes: sentBefore,
        });
        await this.#options.timers.sleep(retryDelayMs, run.signal);
        const delayMaxMs = isAppError(error, 'snapshot_unknown') ? unknownDelayMaxMs : retryDelayMaxMs;
        retryDelayMs = Math.min(2 * retryDelayMs, delayMaxMs);
      }
    }
  }

  #send(link: Link, peer: Peer, snapshot: PendingSnapshot, run: Run, sentBefore: number) {
    const { store, keys, random, timers, overview, classOf } = this.#options;
    const held = overview
      .heldHere(snapshot.datasetId, heldLookedAt)
      .filter((id) => toHex(id) !== toHex(snapshot.snapshotId));
    const ports = { store, keys: keys.book, random, timers, signal: run.signal, ...this.#packingFor(peer) };
    const baseCandidates = thinned(held);
    const trafficClass = classOf?.(snapshot.name.slice(0, snapshot.name.lastIndexOf('@'))) ?? 'backup';
    const job = { ...snapshot, baseCandidates, trafficClass };
    const key = toHex(peer.siteId);
    return replicateSnapshot(job, link, ports, (sofar) => {
      this.#answers.set(key, (this.#answers.get(key) ?? 0) + 1);
      run.progress({
        doing: `replicating ${snapshot.name} to ${peer.name}`,
        doneBytes: sentBefore + sofar.sentBytes,
        doneItems: sofar.sentRecords,
      });
    });
  }

  /** Nothing is packed for who may not read it: that is this site's word, whatever the peer says. */
  #packingFor(peer: Peer): { readonly packing?: PackingPort } {
    if (!isFullPair(peer)) return {};
    const key = toHex(peer.siteId);
    const packing: PackingPort = {
      clock: this.#options.clock,
      lineRateBytesPerSecond: () => this.#lineRates.get(key),
      measured: (bytesPerSecond) => this.#lineRates.set(key, bytesPerSecond),
    };
    return { packing };
  }

  /** The link to a peer, waited for a while if it is down. Throws `peer_unreachable`. */
  async linkTo(peer: Peer, run: Run): Promise<Link> {
    const { clock, timers } = this.#options;
    const deadlineMs = clock.monotonicMs() + linkPatienceMs;
    for (;;) {
      const link = this.#options.link(peer.siteId);
      if (link !== undefined) return link;
      if (clock.monotonicMs() > deadlineMs) throw peerUnreachable(peer);
      run.progress({ doing: `waiting for the link to ${peer.name}`, doneBytes: 0 });
      await timers.sleep(200, run.signal);
    }
  }

  #onBackgroundFailure(error: unknown, peer: Peer): void {
    if (!this.#stop.signal.aborted) this.#options.onFailure(error, peer);
  }
}

/** Newest first: all of the newest, then each twice as far back. */
function thinned(held: readonly SnapshotId[]): SnapshotId[] {
  const older = Array.from({ length: baseCandidatesMax - newestCandidates }, (_, i) => newestCandidates + 2 ** i - 1);
  return [...held.slice(0, newestCandidates), ...older.flatMap((index) => held[index] ?? [])];
}

function totalOf(outcomes: Outcomes): Omit<PeerResult, 'peer' | 'seconds'> {
  const bytes = { contentBytes: 0, newBytes: 0, sentBytes: 0, lineBytes: 0 };
  const total = { snapshots: 0, alreadyThere: 0, sentRecords: 0, ...bytes };
  for (const { alreadyHeld, sentRecords, sentBytes, lineBytes, savings } of outcomes.values()) {
    total.contentBytes += savings.contentBytes;
    total.newBytes += savings.newBytes;
    total.lineBytes += lineBytes;
    if (alreadyHeld) total.alreadyThere += 1;
    else total.snapshots += 1;
    total.sentRecords += sentRecords;
    total.sentBytes += sentBytes;
  }
  return total;
}

/** Resolves when `work` is over, however; rejects with the signal's reason before. */
async function orAborted(work: Promise<unknown>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  await Promise.race([Promise.allSettled([work]), aborted.promise]).finally(() =>
    signal.removeEventListener('abort', onAbort),
  );
}

function peerUnreachable(peer: Peer): AppError {
  return new AppError(`${peer.name} cannot be reached`, {
    code: 'peer_unreachable',
    retryable: true,
    advice: `See "sitepair link status"; check that "sitepair serve" runs at ${peer.name} and that its address is right ("sitepair pair set-address").`,
  });
}

/** What the peer gave as its reason names it: a full disk is to be emptied there and not here. */
function toldBy(peer: Peer, error: unknown): unknown {
  if (!isAppError(error) || error.details.saidBy === undefined) return error;
  const { message, code, advice, details } = error;
  return new AppError(`${peer.name} says: ${message}`, {
    code,
    advice: `At ${peer.name}: ${advice}`,
    details,
    cause: error,
  });
}

function shuttingDown(): AppError {
  return new AppError('this appliance is shutting down', {
    code: 'shutting_down',
    retryable: true,
    advice: 'Nothing to do: replication goes on when it runs again.',
  });
}
