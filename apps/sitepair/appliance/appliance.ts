import { readFileSync } from 'node:fs';
import type { Logger } from 'pino';
import { Catalog } from '#catalog';
import { handshakeKeyOf, type SiteIdentity, verify } from '#keys';
import type { Link, LinkSettings } from '#link';
import type { KeyBook } from '#records';
import { SnapshotReceiver } from '#replication';
import { type Clock, isAppError, type Random, type Timers } from '#runtime';
import { Store, type StoreNotice } from '#store';
import type { Volumes } from '#targets';
import { FolderVolumes } from '#targets/folder';
import { softwareVersion } from '../software-version.ts';
import { AgentServices } from './agent-services.ts';
import { Agents } from './agents.ts';
import { BlindVaults } from './blind-vault.ts';
import { knownSiteKeys, realmSealer, signerOf } from './catalog-keys.ts';
import { ClientServices } from './client-services.ts';
import { type ContentFetcherOptions, contentFetcher } from './content-fetcher.ts';
import { DatasetOwners } from './dataset-owners.ts';
import { followCatalog } from './follow-catalog.ts';
import { Invitations } from './invitations.ts';
import { KnownLosses } from './known-losses.ts';
import { replicationWindowBytes } from './limits.ts';
import { LinkServices } from './link-services.ts';
import { Links } from './links.ts';
import { reachableAddresses } from './local-addresses.ts';
import { MachineWatch } from './machine-watch.ts';
import type { Operations } from './operations.ts';
import { operationsOf } from './operations-of.ts';
import { Pairing } from './pairing.ts';
import { type Peer, PeerFile } from './peers.ts';
import { RealmCatalog } from './realm-catalog.ts';
import { RealmKeys } from './realm-keys.ts';
import { Replicator } from './replicator.ts';
import { welcomeBack } from './return-door.ts';
import type { ScrubPorts } from './scrub-work.ts';
import { Secrets } from './secrets.ts';
import { SnapshotBook } from './snapshot-book.ts';
import { readSiteFile, type SiteFile, type StatePaths, statePaths } from './state-folder.ts';

export interface ApplianceEnvironment {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly logger: Logger;
}

/** What the store says when something that was acknowledged is not there any more. */
export const lossNotices: ReadonlySet<StoreNotice['code']> = new Set([
  'pack_damaged',
  'pack_missing',
  'pack_unreadable',
]);

/** One site, running: every part made once, and wired. The caller holds the state's lock. */
export class Appliance implements AsyncDisposable {
  readonly environment: ApplianceEnvironment;
  readonly site: SiteFile;
  readonly paths: StatePaths;
  readonly secrets: Secrets;
  readonly identity: SiteIdentity;
  readonly peers: PeerFile;
  readonly losses: KnownLosses;
  readonly invitations: Invitations;
  readonly keys: RealmKeys;
  readonly catalog: Catalog;
  readonly realm: RealmCatalog;
  readonly volumes: Volumes;
  readonly store: Store;
  readonly book: SnapshotBook;
  readonly clients: ClientServices;
  readonly receiver: SnapshotReceiver;
  readonly agents: Agents;
  readonly vaults: BlindVaults;
  readonly services: LinkServices;
  readonly links: Links;
  readonly pairing: Pairing;
  readonly replicator: Replicator;
  readonly machine: MachineWatch;
  readonly operations: Operations;
  readonly listening: string[] = [];

  private constructor(environment: ApplianceEnvironment, paths: StatePaths, opened: OpenedParts) {
    const { clock, timers, random } = environment;
    const { catalog, store, volumes, keys, secrets, identity, peers } = opened;
    [this.environment, this.paths, this.site] = [environment, paths, opened.site];
    [this.catalog, this.store, this.volumes, this.keys] = [catalog, store, volumes, keys];
    [this.secrets, this.identity, this.peers, this.losses] = [secrets, identity, peers, opened.losses];
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
    const siteName = (id: Uint8Array) => this.realm.siteName(id);
    this.book = new SnapshotBook({
      catalog,
      siteName,
      siteId,
      clock,
      losses: this.losses,
      onCopy: () => this.nudgeAll(),
    });
    const owners = () => peers.all().filter((peer) => peer.ownRole === 'blind');
    this.vaults = new BlindVaults({ environment, paths, identity, owners });
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
      sealedKeyring: () => readFileSync(paths.sealedKeyring),
      lend: async (peer, sealed) => (await this.vaults.of(peer)).keepSealedKeyring(peer, sealed),
      onJoined: (link, peer) => this.#follow(link, peer),
      onFailure: (error) => this.#note(error, 'pairing'),
    });
    this.services = new LinkServices({
      peers,
      pairing: this.pairing,
      own: { catalog, store, receiver: this.receiver },
      vaults: this.vaults,
    });
    this.links = new Links({
      settings,
      peers,
      invitations: () => this.invitations.current(),
      agentByHint: (hint) => this.agents.file.pairByHint(hint),
      onAgentLink: (link) => this.agents.accept(link),
      serveLink: (link) => this.services.serve(link),
      onUp: (link, peer) => this.#onUp(link, peer),
      onDoorOpened: (door, session) => {
        if (door.purpose === 'pairing') this.pairing.welcome(door.invitation, session);
        else if (door.purpose === 'agent') this.agents.welcome(door.invitation, door.name, session);
        else welcomeBack(this, door.peer, session);
      },
      onRefused: (reason, address) => environment.logger.warn({ err: reason, address }, 'a connection was refused'),
    });
    const datasetOwners = new DatasetOwners(catalog, siteId);
    const fetcher = (fromSite: Uint8Array) =>
      contentFetcher(
        this.#fetching(store, () => keys.book),
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
      owners: datasetOwners,
      fetcher,
      mayBeBase: (snapshotId) => this.book.mayBeBase(snapshotId),
      onSnapshot: () => this.nudgeAll(),
    });
    const agentServices = new AgentServices({
      siteId,
      siteName: opened.site.name,
      catalog,
      clients: this.clients,
      book: this.book,
      owners: datasetOwners,
      agents: () => this.agents,
    });
    this.agents = new Agents({
      paths,
      identity,
      catalog,
      invitations: this.invitations,
      owners: datasetOwners,
      introduction: () => this.realm.introduction(),
      clock,
      serveLink: (link) => agentServices.serve(link),
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
    this.machine = new MachineWatch(volumes, timers, (error) => this.#note(error, 'looking at the machine'));
    this.operations = operationsOf(this);
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
    const appliance = new Appliance(environment, paths, {
      site,
      losses,
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

  /** What scrub and check look at: this site's store, and each vault that it lends. */
  async scrubbed(): Promise<ScrubPorts[]> {
    const any = new Uint8Array(0);
    const own: ScrubPorts = {
      store: this.store,
      keys: () => this.keys.book,
      fetchFromPeers: contentFetcher(
        this.#fetching(this.store, () => this.keys.book),
        any,
      ),
      snapshots: () => this.book.allHeld(),
      losses: this.losses,
    };
    const vaults = (await this.vaults.all()).map(({ store, book, owners }) => ({
      store,
      keys: () => undefined,
      fetchFromPeers: contentFetcher({ ...this.#fetching(store, () => undefined), peers: owners }, any),
      snapshots: () => book.allHeld(),
      losses: book.losses,
    }));
    return [own, ...vaults];
  }

  /** Dials the peers, and begins to bring them up to date. */
  async start(): Promise<void> {
    await this.machine.start();
    this.links.start();
  }

  async listen(address: string): Promise<void> {
    this.listening.push(await this.links.listen(address));
    await this.realm.logAddresses(this.site.address);
  }

  /** Something is new here: every peer that can be reached gets what it lacks. */
  nudgeAll(): void {
    for (const peer of this.peers.paired()) {
      if (peer.joined && this.links.link(peer.siteId) !== undefined) this.#send(peer);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.machine[Symbol.dispose]();
    await this.replicator.close();
    await this.links.close();
    await this.vaults[Symbol.asyncDispose]();
    await this.store.close();
    await this.volumes.close();
    await this.catalog.close();
  }

  #onUp(link: Link, peer: Peer): void {
    this.environment.logger.info({ peer: peer.name }, 'the link is up');
    this.#settle(link, peer).catch((error) => this.#note(error, `settling with ${peer.name}`));
  }

  /** What two appliances do first: say where the pairing stands, make the catalogs agree, send what is lacking. */
  async #settle(link: Link, peer: Peer): Promise<void> {
    // A peer that does not take in what it is told may still be behind: the catalog goes on.
    await this.pairing.announce(link).catch((error) => this.#note(error, `announcing to ${peer.name}`));
    const known = this.peers.find(peer.siteId);
    if (known?.joined) this.#follow(link, known);
  }

  #follow(link: Link, peer: Peer): void {
    const follow = async () => {
      const part = await this.services.partFor(peer);
      await followCatalog(part, link, this.environment.timers, () => this.#send(peer));
    };
    follow().catch((error) => this.#note(error, `following the catalog of ${peer.name}`));
  }

  /** A site that is blind for a peer has nothing of its own to give it. */
  #send(peer: Peer): void {
    if (peer.ownRole === 'full') this.replicator.nudge(peer);
  }

  #onCatalogChange(): void {
    this.keys.refresh();
    this.nudgeAll();
  }

  #fetching(store: Store, keys: () => KeyBook | undefined): ContentFetcherOptions {
    return {
      store,
      keys,
      peers: () => this.peers.paired().filter((peer) => peer.ownRole === 'full'),
      link: (id) => this.links.link(id),
      onFailure: (error, peer) => this.#note(error, `fetching from ${peer.name}`),
    };
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
  readonly losses: KnownLosses;
  readonly secrets: Secrets;
  readonly identity: SiteIdentity;
  readonly peers: PeerFile;
  readonly keys: RealmKeys;
  readonly catalog: Catalog;
  readonly volumes: Volumes;
  readonly store: Store;
}
