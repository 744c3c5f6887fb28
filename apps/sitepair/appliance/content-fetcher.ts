import type { DomainId, RecordId } from '#model';
import type { KeyBook } from '#records';
import {
  type FetchFromPeers,
  type FetchPurpose,
  fetchRecords,
  type MessageChannel,
  type PeerChannels,
  type RecordStore,
} from '#replication';
import { AppError, equalBytes, isAppError, type Timers, toHex } from '#runtime';
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

/** As sessions have it: a peer that brings no byte for two minutes is not waited for, whatever its heartbeats say. */
const lookMs = 15_000;
const looksMax = 8;

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
  using _watch = abortingWhenStalled(channel, timers);
  let [durable, pendingBytes, fetched]: [Promise<void>[], number, RecordId[]] = [[], 0, []];
  const settle = async () => {
    await store.flush();
    await Promise.all(durable);
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

/** Aborts a channel that brings nothing. Bytes count, not messages: a slow line may need long for a large record. */
function abortingWhenStalled(channel: MessageChannel, timers: Timers): Disposable {
  const moved = () => (channel.bytesReceived ?? 0) + (channel.heldNotes ?? 0);
  let [seen, quietLooks] = [moved(), 0];
  const look = () => {
    const now = moved();
    [seen, quietLooks] = [now, now === seen ? quietLooks + 1 : 0];
    if (quietLooks >= looksMax) channel.abort(fetchStalled());
    else timer = timers.after(lookMs, look);
  };
  let timer = timers.after(lookMs, look);
  return { [Symbol.dispose]: () => timer.cancel() };
}

function fetchStalled(): AppError {
  return new AppError(`the peer has sent nothing for ${(lookMs * looksMax) / 1000} seconds`, {
    code: 'session_stalled',
    retryable: true,
    advice: 'Another peer is asked, if there is one; look at this one: its disk may hang.',
  });
}
