import type { KeyBook } from '#records';
import type { RecordStore } from '#replication';
import type { Appliance } from './appliance.ts';
import { type ContentFetcherOptions, contentFetcher } from './content-fetcher.ts';
import type { ScrubPorts } from './scrub-work.ts';

/** Whom an appliance asks for what a store of it lacks: the peers that hold its realm's content. */
export function fetchingInto(
  appliance: Appliance,
  store: RecordStore,
  keys: () => KeyBook | undefined,
): ContentFetcherOptions {
  const { peers, links, environment } = appliance;
  return {
    store,
    keys,
    peers: () => peers.paired().filter((peer) => peer.ownRole === 'full'),
    link: (id) => links.link(id),
    timers: environment.timers,
    onFailure: (error, peer) => appliance.note(error, `fetching from ${peer.name}`),
  };
}

/** What scrub and check look at: this site's store, and each vault that it lends. */
export async function scrubbedBy(appliance: Appliance): Promise<ScrubPorts[]> {
  const any = new Uint8Array(0);
  const { store, book, losses, keys } = appliance;
  const ownKeys = () => keys.book;
  const own: ScrubPorts = {
    store,
    keys: ownKeys,
    fetchFromPeers: contentFetcher(fetchingInto(appliance, store, ownKeys), any, 'heal'),
    snapshots: () => book.allHeld(),
    losses,
  };
  const vaults = (await appliance.vaults.all()).map((vault) => ({
    store: vault.store,
    keys: () => undefined,
    fetchFromPeers: contentFetcher(
      { ...fetchingInto(appliance, vault.store, () => undefined), peers: vault.owners },
      any,
      'heal',
    ),
    snapshots: () => vault.book.allHeld(),
    losses: vault.book.losses,
  }));
  return [own, ...vaults];
}
