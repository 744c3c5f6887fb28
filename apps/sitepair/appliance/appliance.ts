import type { Logger } from 'pino';
import { Catalog, syncCatalog } from '#catalog';
import { handshakeKeyOf, type SiteIdentity, verify } from '#keys';
import type { Link, LinkSettings } from '#link';
import type { SiteId } from '#model';
import { SnapshotReceiver, serveFetches } from '#replication';
import { type Clock, isAppError, type Random, type Timers } from '#runtime';
import { Store } from '#store';
import type { Volumes } from '#targets';
import { FolderVolumes } from '#targets/folder';
import { softwareVersion } from '../software-version.ts';
import { knownSiteKeys, realmSealer, signerOf } from './catalog-keys.ts';
import { ClientServices } from './client-services.ts';
import { contentFetcher } from './content-fetcher.ts';
import { followCatalog } from './follow-catalog.ts';
import { Invitations } from './invitations.ts';
import { replicationWindowBytes } from './limits.ts';
import { Links } from './links.ts';
import { reachableAddresses } from './local-addresses.ts';
import type { Operations } from './operations.ts';
import { operationsOf } from './operations-of.ts';
import { isFullPair, Pairing } from './pairing.ts';
import { notPaired } from './pairing-errors.ts';
import { type Peer, PeerFile } from './peers.ts';
import { RealmCatalog } from './realm-catalog.ts';
import { RealmKeys } from './realm-keys.ts';
import { Replicator } from './replicator.ts';
import { welcomeBack } from './return-door.ts';
import { Secrets } from './secrets.ts';
import { SnapshotBook } from './snapshot-book.ts';
import { readSiteFile, type SiteFile, type StatePaths, statePaths } from './state-folder.ts';

export interface ApplianceEnvironment {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly logger: Logger;
}

/** One site, running: every part made once, and wired. The caller holds the state's lock. */
export class Appliance implements AsyncDisposable {
  readonly environment: ApplianceEnvironment;
  readonly site: SiteFile;
  readonly paths: StatePaths;
  readonly secrets: Secrets;
  readonly identity: SiteIdentity;
  readonly peers: PeerFile;
  readonly invitations: Invitations;
  readonly keys: RealmKeys;
  readonly catalog: Catalog;
  readonly realm: RealmCatalog;
  readonly volumes: Volumes;
  readonly store: Store;
  readonly book: SnapshotBook;
  readonly clients: ClientServices;
  readonly receiver: SnapshotReceiver;
  readonly links: Links;
  readonly pairing: Pairing;
  readonly replicator: Replicator;
  readonly operations: Operations;
  readonly listening: string[] = [];

  private constructor(environment: ApplianceEnvironment, paths: StatePaths, opened: OpenedParts) {
    const { clock, timers, random } = environment;
    const { catalog, store, volumes, keys, secrets, identity, peers } = opened;
    [this.environment, this.paths, this.site] = [environment, paths, opened.site];
    [this.catalog, this.store, this.volumes, this.keys] = [catalog, store, volumes, keys];
    [this.secrets, this.identity, this.peers] = [secrets, identity, peers];
    this.invitations = new Invitations(paths, clock, random);
    this.realm = new RealmCatalog({
      catalog,
      identity: () => identity,
      keys: () => keys,
      name: opened.site.name,
      addresses: () => reachableAddresses(this.listening),
      doorKey: () => secrets.readDoorKey(),
    });
    const { siteId } = identity;
    this.book = new SnapshotBook({ catalog, realm: this.realm, siteId, clock, onCopy: () => this.nudgeAll() });
    this.receiver = new SnapshotReceiver(() => ({
      store,
      keys: keys.book,
      timers,
      random,
      windowBytes: replicationWindowBytes,
      copies: this.book,
    }));
    const settings = this.#linkSettings();
    this.pairing = new Pairing({
      identity: () => identity,
      settings,
      peers,
      invitations: this.invitations,
      keys,
      log: this.realm,
      links: () => this.links,
      clock,
      onJoined: (link, peer) => this.#follow(link, peer),
      onFailure: (error) => this.#note(error, 'pairing'),
    });
    this.links = new Links({
      settings,
      peers,
      invitations: () => this.invitations.current(),
      serveLink: (link) => this.#serveLink(link),
      onUp: (link, peer) => this.#onUp(link, peer),
      onDoorOpened: (door, session) => {
        if (door.purpose === 'pairing') this.pairing.welcome(door.invitation, session);
        else welcomeBack(this, door.peer, session);
      },
      onRefused: (reason, address) => environment.logger.warn({ err: reason, address }, 'a connection was refused'),
    });
    const fetcher = (fromSite: Uint8Array) =>
      contentFetcher(
        {
          store,
          keys,
          peers: () => peers.paired(),
          link: (id) => this.links.link(id),
          onFailure: (error, peer) => this.#note(error, `fetching from ${peer.name}`),
        },
        fromSite,
      );
    this.clients = new ClientServices({
      siteId,
      catalog,
      store,
      keys,
      clock,
      timers,
      random,
      fetcher,
      onSnapshot: () => this.nudgeAll(),
    });
    this.replicator = new Replicator({
      store,
      keys,
      overview: this.book,
      link: (id) => this.links.link(id),
      clock,
      timers,
      random,
      onFailure: (error, peer) => this.#note(error, `replicating to ${peer.name}`),
    });
    this.operations = operationsOf(this, fetcher(new Uint8Array(0)));
    catalog.onChange(() => this.#onCatalogChange());
  }

  /** Opens a state and repairs, without questions, what a crash left. Throws the typed errors of state, keys, store and catalog. */
  static async open(state: string, environment: ApplianceEnvironment): Promise<Appliance> {
    const paths = statePaths(state);
    const site = readSiteFile(state);
    const { clock, timers, random, logger } = environment;
    const secrets = new Secrets(paths, random);
    const identity = secrets.readIdentity();
    const peers = new PeerFile(paths);
    const acceptable = { keys: (): ReturnType<RealmCatalog['acceptableKeys']> => undefined };
    const keys = new RealmKeys(secrets, () => acceptable.keys());
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
    const volumes = await FolderVolumes.open(paths.packs);
    const { realmId, formerRealmIds } = keys.keyring;
    const onNotice = (notice: { readonly code: string; readonly message: string; readonly details: object }) =>
      logger.warn({ code: notice.code, ...notice.details }, notice.message);
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
    const appliance = new Appliance(environment, paths, {
      site,
      secrets,
      identity,
      peers,
      keys,
      catalog,
      volumes,
      store,
    });
    acceptable.keys = () => appliance.realm.acceptableKeys();
    keys.refresh();
    return appliance;
  }

  /** Dials the peers, and begins to bring them up to date. */
  start(): void {
    this.links.start();
  }

  async listen(address: string): Promise<void> {
    this.listening.push(await this.links.listen(address));
    await this.realm.logAddresses(this.site.address);
  }

  /** Something is new here: every peer that can be reached gets what it lacks. */
  nudgeAll(): void {
    for (const peer of this.peers.paired()) {
      if (peer.joined && this.links.link(peer.siteId) !== undefined) this.replicator.nudge(peer);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.replicator.close();
    await this.links.close();
    await this.store.close();
    await this.volumes.close();
    await this.catalog.close();
  }

  #serveLink(link: Link): void {
    const siteId = link.peer.siteId as SiteId;
    const member = () => {
      const peer = this.peers.find(siteId);
      if (peer === undefined || !peer.joined || !isFullPair(peer)) throw notPaired();
      return peer;
    };
    link.serve('pair', (channel) => this.pairing.serve(channel, link));
    link.serve('catalog', async (channel) => {
      member();
      await syncCatalog(this.catalog, channel);
    });
    link.serve('replicate', async (channel) => {
      member();
      await this.receiver.serve(channel, siteId);
    });
    link.serve('records', async (channel) => {
      member();
      await this.receiver.serveRecords(channel);
    });
    link.serve('fetch', async (channel) => {
      member();
      await serveFetches(channel, this.store, () => undefined);
    });
  }

  #onUp(link: Link, peer: Peer): void {
    this.environment.logger.info({ peer: peer.name }, 'the link is up');
    this.#settle(link, peer).catch((error) => this.#note(error, `settling with ${peer.name}`));
  }

  /** What two appliances do first: say where the pairing stands, make the catalogs agree, send what is lacking. */
  async #settle(link: Link, peer: Peer): Promise<void> {
    await this.pairing.announce(link);
    const known = this.peers.find(peer.siteId);
    if (known?.joined) this.#follow(link, known);
  }

  #follow(link: Link, peer: Peer): void {
    followCatalog(this.catalog, link, this.environment.timers, () => this.replicator.nudge(peer)).catch((error) =>
      this.#note(error, `following the catalog of ${peer.name}`),
    );
  }

  #onCatalogChange(): void {
    this.keys.refresh();
    this.nudgeAll();
  }

  #linkSettings(): LinkSettings {
    const { clock, timers, random, logger } = this.environment;
    const { siteId, key } = this.identity;
    const staticKeyPair = handshakeKeyOf(key);
    return {
      identity: () => ({ siteId, incarnation: this.catalog.incarnation()?.number ?? 0, staticKeyPair }),
      instance: random.bytes(8),
      software: softwareVersion(),
      clock,
      timers,
      random,
      onHandlerError: (error, service) => logger.error({ err: error, service }, 'a peer was not served'),
    };
  }

  #note(error: unknown, doing: string): void {
    if (isAppError(error))
      this.environment.logger.warn({ code: error.code, advice: error.advice }, `${doing}: ${error.message}`);
    else this.environment.logger.error({ err: error }, doing);
  }
}

interface OpenedParts {
  readonly site: SiteFile;
  readonly secrets: Secrets;
  readonly identity: SiteIdentity;
  readonly peers: PeerFile;
  readonly keys: RealmKeys;
  readonly catalog: Catalog;
  readonly volumes: Volumes;
  readonly store: Store;
}
