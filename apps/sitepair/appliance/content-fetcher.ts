import type { DomainId, RecordId } from '#model';
import type { KeyBook } from '#records';
import { type FetchFromPeers, fetchRecords, type PeerChannels, type RecordStore } from '#replication';
import { equalBytes, isAppError, toHex } from '#runtime';
import { replicationWindowBytes } from './limits.ts';
import type { Peer } from './peers.ts';

export interface ContentFetcherOptions {
  readonly store: RecordStore;
  /** Undefined for what this site cannot read: checksums are checked then. */
  readonly keys: () => KeyBook | undefined;
  readonly peers: () => readonly Peer[];
  readonly link: (siteId: Uint8Array) => PeerChannels | undefined;
  readonly onFailure: (error: unknown, peer: Peer) => void;
}

/**
 * Fetches what this site lacks from the peers that can be reached, one after the other, and stores it here durably: what
 * was fetched for one restore is here for the next. `onlyFrom`: the one peer to ask; empty: any.
 */
export function contentFetcher(options: ContentFetcherOptions, onlyFrom: Uint8Array): FetchFromPeers {
  return async (domainId, ids) => {
    const lacking = new Map(ids.map((id) => [toHex(id), id]));
    for (const peer of options.peers()) {
      if (lacking.size === 0) break;
      if (onlyFrom.length > 0 && !equalBytes(onlyFrom, peer.siteId)) continue;
      const link = options.link(peer.siteId);
      if (link === undefined) continue;
      try {
        await fetchFrom(options, link, domainId, lacking);
      } catch (error) {
        if (!isAppError(error)) throw error;
        options.onFailure(error, peer);
      }
    }
    return [...lacking.values()];
  };
}

async function fetchFrom(
  { store, keys }: ContentFetcherOptions,
  link: PeerChannels,
  domainId: DomainId,
  lacking: Map<string, RecordId>,
): Promise<void> {
  const channel = await link.open('fetch', 'bulk');
  let [durable, pendingBytes, fetched]: [Promise<void>[], number, RecordId[]] = [[], 0, []];
  const settle = async () => {
    await store.flush();
    await Promise.all(durable);
    for (const id of fetched) lacking.delete(toHex(id));
    [durable, pendingBytes, fetched] = [[], 0, []];
  };
  try {
    for await (const record of fetchRecords(channel, domainId, [...lacking.values()], keys())) {
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
