import { Catalog } from '#catalog';
import { BusyShare } from '#health';
import { type SiteIdentity, verify } from '#keys';
import { Store, type StoreNotice } from '#store';
import type { Volumes } from '#targets';
import { FolderVolumes } from '#targets/folder';
import { knownSiteKeys, realmSealer, signerOf } from './catalog-keys.ts';
import type { ApplianceEnvironment } from './environment.ts';
import { KnownLosses } from './known-losses.ts';
import { type DiskWaits, measuredVolumes } from './measured-volumes.ts';
import { PeerFile } from './peers.ts';
import { type KeyAuthority, noAuthority, RealmKeys } from './realm-keys.ts';
import { Secrets } from './secrets.ts';
import { readSiteFile, type SiteFile, type StatePaths, settleStateFolder, statePaths } from './state-folder.ts';

/** What lies in a state folder, opened: everything that other parts are made from. */
export interface OpenedParts {
  readonly paths: StatePaths;
  readonly site: SiteFile;
  readonly losses: KnownLosses;
  readonly secrets: Secrets;
  readonly identity: SiteIdentity;
  readonly peers: PeerFile;
  readonly keys: RealmKeys;
  /** Set once the catalog can be asked which keys the members hold, and whose words count. */
  readonly authority: { now: KeyAuthority };
  readonly catalog: Catalog;
  readonly volumes: Volumes;
  readonly disk: DiskWaits;
  readonly store: Store;
}

/** What the store says when something that was acknowledged is not there any more. */
export const lossNotices: ReadonlySet<StoreNotice['code']> = new Set([
  'pack_damaged',
  'pack_missing',
  'pack_unreadable',
]);

/** Opens a state and repairs, without questions, what a crash left. Throws the typed errors of state, keys, store and catalog. */
export async function openParts(
  state: string,
  { clock, timers, random, logger }: ApplianceEnvironment,
): Promise<OpenedParts> {
  const paths = statePaths(state);
  const site = readSiteFile(state);
  settleStateFolder(paths);
  const secrets = new Secrets(paths, random);
  const identity = secrets.readIdentity();
  const peers = new PeerFile(paths);
  const authority: OpenedParts['authority'] = { now: noAuthority };
  const keys = new RealmKeys(secrets, () => authority.now);
  const { siteId } = identity;
  const catalog = await Catalog.open({
    folder: paths.catalog,
    siteId,
    signer: signerOf(identity),
    verify,
    sealer: realmSealer(() => keys.book, random),
    knownSiteKeys: knownSiteKeys(
      identity,
      () => peers.all(),
      () => keys.keyring,
    ),
    clock,
    random,
  });
  const disk = { reads: new BusyShare(clock), writes: new BusyShare(clock) };
  const volumes = measuredVolumes(await FolderVolumes.open(paths.packs), disk);
  const { realmId, formerRealmIds } = keys.keyring;
  const losses = new KnownLosses(paths.root);
  const onNotice = (notice: StoreNotice) => {
    logger.warn({ code: notice.code, ...notice.details }, notice.message);
    if (lossNotices.has(notice.code)) losses.note(notice.message);
  };
  const store = await Store.open({
    volumes,
    indexFolder: paths.index,
    realmId,
    acceptedRealmIds: formerRealmIds,
    siteId,
    random,
    clock,
    timers,
    onNotice,
  });
  return { paths, site, losses, secrets, identity, peers, keys, authority, catalog, volumes, disk, store };
}
