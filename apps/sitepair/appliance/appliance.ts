import type { Catalog } from '#catalog';
import type { SiteIdentity } from '#keys';
import { SnapshotReceiver } from '#replication';
import { isAppError } from '#runtime';
import { Shaper } from '#shaper';
import type { Store } from '#store';
import type { Volumes } from '#targets';
import { AgentServices } from './agent-services.ts';
import { Agents } from './agents.ts';
import { BlindVaults } from './blind-vault.ts';
import { ClientServices } from './client-services.ts';
import { contentFetcher } from './content-fetcher.ts';
import { fetchingInto } from './content-sources.ts';
import { DatasetOwners } from './dataset-owners.ts';
import type { ApplianceEnvironment } from './environment.ts';
import { Invitations } from './invitations.ts';
import type { KnownLosses } from './known-losses.ts';
import { replicationWindowBytes } from './limits.ts';
import { LinkHealth } from './link-health.ts';
import type { LinkServices } from './link-services.ts';
import type { Links } from './links.ts';
import { reachableAddresses } from './local-addresses.ts';
import { MachineWatch } from './machine-watch.ts';
import { type OpenedParts, openParts } from './open-parts.ts';
import type { Operations } from './operations.ts';
import { operationsOf } from './operations-of.ts';
import type { Pairing } from './pairing.ts';
import type { PairingDoor } from './pairing-door.ts';
import type { PeerTraffic } from './peer-traffic.ts';
import { peeringOf } from './peering.ts';
import type { PeerFile } from './peers.ts';
import { RealmCatalog } from './realm-catalog.ts';
import type { RealmKeys } from './realm-keys.ts';
import { Replicator } from './replicator.ts';
import type { Secrets } from './secrets.ts';
import { Shaping } from './shaping.ts';
import { ShapingFile } from './shaping-file.ts';
import { SnapshotBook } from './snapshot-book.ts';
import type { SiteFile, StatePaths } from './state-folder.ts';
import type { Unpairing } from './unpairing.ts';

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
  readonly door: PairingDoor;
  readonly pairing: Pairing;
  readonly unpairing: Unpairing;
  readonly traffic: PeerTraffic;
  readonly replicator: Replicator;
  readonly shapingFile: ShapingFile;
  readonly shaping: Shaping;
  readonly machine: MachineWatch;
  readonly health: LinkHealth;
  readonly operations: Operations;
  readonly listening: string[] = [];
  #hasHeard = false;

  private constructor(environment: ApplianceEnvironment, opened: OpenedParts) {
    const { clock, timers, random } = environment;
    const { catalog, store, volumes, keys, secrets, identity, peers, paths } = opened;
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
      door: () => secrets.readDoor(),
      pairedKey: (id) => peers.find(id)?.identityKey,
      hasLeft: (id) => peers.findRemoved(id) !== undefined,
    });
    const { siteId } = identity;
    const siteName = (id: Uint8Array) => this.realm.siteName(id);
    this.book = new SnapshotBook({
      catalog,
      siteName,
      siteId,
      clock,
      losses: this.losses,
      onCopy: () => this.traffic.nudgeAll(),
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
    this.shapingFile = new ShapingFile(paths.root);
    this.shaping = new Shaping({
      file: this.shapingFile,
      shaper: new Shaper(clock, timers),
      peers,
      clock,
      timers,
      timeZone: Temporal.Now.timeZoneId(),
      onFailure: (error, peer) => this.note(error, `telling ${peer} what this site takes in`),
    });
    this.health = new LinkHealth({
      root: paths.root,
      clock,
      timers,
      disk: opened.disk,
      peers,
      links: () => this.links,
      readings: () => this.shaping.readings(),
      replicator: () => this.replicator,
      pendingCount: (peer) => (peer.ownRole === 'full' ? this.book.pendingFor(peer.siteId, undefined).length : 0),
      onFailure: (error) => this.note(error, 'looking at the links'),
    });
    const { door, pairing, unpairing, traffic, services, links } = peeringOf(this);
    [this.door, this.pairing, this.unpairing, this.traffic] = [door, pairing, unpairing, traffic];
    [this.services, this.links] = [services, links];
    const datasetOwners = new DatasetOwners(catalog, siteId);
    const fetching = fetchingInto(this, store, () => keys.book);
    this.clients = new ClientServices({
      siteId,
      catalog,
      store,
      keys,
      clock,
      timers,
      random,
      owners: datasetOwners,
      fetcher: (fromSite) => contentFetcher(fetching, fromSite),
      mayBeBase: (snapshotId) => this.book.mayBeBase(snapshotId),
      onSnapshot: () => this.traffic.nudgeAll(),
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
      classOf: (dataset) => this.shaping.classOf(dataset),
      clock,
      timers,
      random,
      onFailure: (error, peer) => this.note(error, `replicating to ${peer.name}`),
    });
    this.machine = new MachineWatch(volumes, timers, (error) => this.note(error, 'looking at the machine'));
    this.operations = operationsOf(this);
    catalog.onChange(() => {
      this.#onCatalog();
    });
  }

  /** Opens a state and repairs, without questions, what a crash left. Throws the typed errors of state, keys, store and catalog. */
  static async open(state: string, environment: ApplianceEnvironment): Promise<Appliance> {
    const parts = await openParts(state, environment);
    const appliance = new Appliance(environment, parts);
    parts.authority.now = appliance.realm;
    try {
      parts.keys.refresh();
    } catch (error) {
      // What is open already would keep the process from ending, and whoever waits for it waiting.
      await appliance[Symbol.asyncDispose]().catch((also) => appliance.note(also, 'closing what was open'));
      throw error;
    }
    parts.keys.whenChanged(() => appliance.#onKeys());
    return appliance;
  }

  /** The keyring has changed: entries may be readable now that were not, and incarnations have somebody behind them. */
  #onKeys(): void {
    this.catalog.keysChanged().catch((error) => this.note(error, 'reading what new keys open'));
  }

  #onCatalog(): void {
    this.unpairing.followRealm();
    if (this.keys.refresh()) this.pairing.shareKeyring().catch((error) => this.note(error, 'sharing the keyring'));
    this.traffic.nudgeAll();
  }

  /** Dials the peers, and begins to bring them up to date. */
  async start(): Promise<void> {
    await this.machine.start();
    this.unpairing.followRealm();
    this.links.start();
    this.health.start();
  }

  async listen(address: string): Promise<void> {
    this.listening.push(await this.links.listen(address));
    // A site whose disk was set back would fork its log: where there is somebody to say so, it listens first.
    if (this.#hasHeard || !this.peers.all().some((peer) => peer.joined)) await this.#logAddresses();
  }

  /** A peer holds nothing of this site's log that is not here. */
  heard(): void {
    this.#hasHeard = true;
    void this.#logAddresses();
  }

  /** A log that is damaged takes nothing until a peer has healed it, and the peer must be able to come. */
  async #logAddresses(): Promise<void> {
    await this.realm
      .logAddresses(this.site.address)
      .catch((error) => this.note(error, 'logging where this site can be reached'));
  }

  /** Says what went wrong where nobody waits for it. */
  note(error: unknown, doing: string): void {
    const { logger } = this.environment;
    if (isAppError(error, 'rebuilding')) logger.info({ code: error.code }, `${doing}: ${error.message}`);
    else if (isAppError(error)) logger.warn({ code: error.code, advice: error.advice }, `${doing}: ${error.message}`);
    else logger.error({ err: error }, doing);
  }

  /** Closes every part, whatever another one says: what stays open keeps the process from ending. */
  async [Symbol.asyncDispose](): Promise<void> {
    await using parts = new AsyncDisposableStack();
    // The last one named is closed first.
    parts.defer(() => this.catalog.close());
    parts.defer(() => this.volumes.close());
    parts.defer(() => this.store.close());
    parts.use(this.vaults);
    parts.use(this.shaping);
    parts.defer(() => this.links.close());
    parts.defer(() => this.replicator.close());
    parts.use(this.health);
    parts.use(this.machine);
  }
}
