import type { DomainId, RecordId } from '#model';
import type { KeyBook } from '#records';
import {
  type FetchFromPeers,
  type FetchPurpose,
  fetchRecords,
  type PeerChannels,
  ProgressWatch,
  type RecordStore,
} from '#replication';
import { equalBytes, isAppError, type Timers, toHex } from '#runtime';
import { replicationWindowBytes } from './limits.ts';
import type { Peer } from './peers.ts';

export interface ContentFetcherOptions {
  readonly store: RecordStore;
  /** Undefined for what this site cannot read: checksums are checked then. */
  readonly keys: () => KeyBook | undefined;
  readonly peers: () => readonly Peer[];
  readonly link: (siteId: Uint8Array) => PeerChannels | undefined;
  readonly timers: Timers;
  readonly onFailure: (error: unknown, peer: Peer) => void;
}

/**
 * Fetches what this site lacks from the peers that can be reached, one after the other, and stores it here durably: what
 * was fetched for one restore is here for the next. `onlyFrom`: the one peer to ask; empty: any.
 */
export function contentFetcher(
  options: ContentFetcherOptions,
  onlyFrom: Uint8Array,
  purpose: FetchPurpose = 'restore',
): FetchFromPeers {
  return async (domainId, ids) => {
    const lacking = new Map(ids.map((id) => [toHex(id), id]));
    for (const peer of options.peers()) {
      if (lacking.size === 0) break;
      if (onlyFrom.length > 0 && !equalBytes(onlyFrom, peer.siteId)) continue;
      const link = options.link(peer.siteId);
      if (link === undefined) continue;
      try {
        await fetchFrom(options, link, domainId, lacking, purpose);
      } catch (error) {
        if (!isAppError(error)) throw error;
        options.onFailure(error, peer);
      }
    }
    return [...lacking.values()];
  };
}

async function fetchFrom(
  { store, keys, timers }: ContentFetcherOptions,
  link: PeerChannels,
  domainId: DomainId,
  lacking: Map<string, RecordId>,
  purpose: FetchPurpose,
): Promise<void> {
  const channel = await link.open('fetch', 'bulk', { trafficClass: purpose });
  let isSettling = false;
  // As in sessions, a peer that brings nothing for two minutes is not waited for, unless it is our own disk that it waits for.
  using _watch = new ProgressWatch(timers, {
    moved: () => (channel.bytesReceived ?? 0) + (channel.heldNotes ?? 0),
    worked: () => 0,
    isBusy: () => isSettling,
    sayWorking: () => undefined,
    onStall: (error) => channel.abort(error),
  });
  let [durable, pendingBytes, fetched]: [Promise<void>[], number, RecordId[]] = [[], 0, []];
  const settle = async () => {
    isSettling = true;
    try {
      await store.flush();
      await Promise.all(durable);
    } finally {
      isSettling = false;
    }
    for (const id of fetched) lacking.delete(toHex(id));
    [durable, pendingBytes, fetched] = [[], 0, []];
  };
  try {
    for await (const record of fetchRecords(channel, domainId, [...lacking.values()], keys(), purpose)) {
      const stored = store.append(record);
      // Its failure is heard when the group is settled; until then it must not count as one that nobody hears.
      stored.catch(() => undefined);
      durable.push(stored);
      pendingBytes += record.bytes.length;
      fetched.push(...record.ids);
      // The line may be faster than the disk: what waits for it stays bounded.
      if (pendingBytes >= replicationWindowBytes) await settle();
    }
  } finally {
    await settle();
  }
}
