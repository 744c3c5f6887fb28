import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Catalog } from '#catalog';
import { type SiteIdentity, verify } from '#keys';
import { asId, type RealmId, type SiteId, shortId } from '#model';
import { SnapshotReceiver } from '#replication';
import { AppError, equalBytes, makeFolderDurably, readingState, toHex, writeFileDurably } from '#runtime';
import { Store, type StoreNotice } from '#store';
import { FolderVolumes } from '#targets/folder';
import { signerOf } from './catalog-keys.ts';
import { checkOwner } from './check-owner.ts';
import type { ApplianceEnvironment } from './environment.ts';
import { KnownLosses } from './known-losses.ts';
import { replicationWindowBytes } from './limits.ts';
import { lossNotices } from './open-parts.ts';
import type { Peer } from './peers.ts';
import { SnapshotBook } from './snapshot-book.ts';
import type { StatePaths } from './state-folder.ts';

export interface BlindVaultOptions {
  readonly environment: ApplianceEnvironment;
  readonly paths: StatePaths;
  readonly identity: SiteIdentity;
  readonly realmId: RealmId;
  /** The owners that this site is paired with as blind. */
  readonly owners: () => readonly Peer[];
}

/**
 * What a site keeps for a realm whose keys it does not hold: the owner's packs, the owner's logs, and one log of its own
 * about the copies. Nothing in it, on disk or in memory, opens a seal.
 */
export class BlindVault implements AsyncDisposable {
  readonly realmId: RealmId;
  readonly catalog: Catalog;
  readonly store: Store;
  readonly book: SnapshotBook;
  readonly receiver: SnapshotReceiver;
  /** Sites of this realm, from which alone what is lost here may come: without keys nobody can tell a forgery by its content. */
  readonly owners: () => readonly Peer[];
  readonly #volumes: FolderVolumes;
  readonly #folder: string;
  readonly #siteId: SiteId;

  private constructor(
    options: BlindVaultOptions,
    folder: string,
    catalog: Catalog,
    store: Store,
    volumes: FolderVolumes,
    losses: KnownLosses,
  ) {
    const { clock, timers, random } = options.environment;
    [this.realmId, this.#folder, this.#volumes] = [options.realmId, folder, volumes];
    [this.catalog, this.store, this.#siteId] = [catalog, store, options.identity.siteId];
    this.owners = () => options.owners().filter((peer) => equalBytes(peer.realmId, options.realmId));
    const siteName = (siteId: Uint8Array) =>
      options.owners().find((peer) => equalBytes(peer.siteId, siteId))?.name ?? shortId(siteId);
    this.book = new SnapshotBook({
      catalog,
      siteName,
      siteId: options.identity.siteId,
      clock,
      losses,
      onCopy: () => undefined,
    });
    this.receiver = new SnapshotReceiver(() => ({
      store,
      keys: undefined,
      timers,
      random,
      windowBytes: replicationWindowBytes,
      copies: this.book,
    }));
  }

  /** Opens the vault of a realm, or makes it. */
  static async open(options: BlindVaultOptions): Promise<BlindVault> {
    const { environment, identity, realmId, owners } = options;
    const { clock, timers, random, logger } = environment;
    const folder = vaultFolder(options.paths, realmId);
    const [packs, indexFolder] = [join(folder, 'packs'), join(folder, 'index')];
    for (const one of [folder, packs, indexFolder]) makeFolderDurably(one);
    const { siteId } = identity;
    const catalog = await Catalog.open({
      folder: join(folder, 'catalog'),
      siteId,
      signer: signerOf(identity),
      verify,
      sealer: { seal: () => undefined, open: () => undefined },
      knownSiteKeys: (asked) => {
        if (equalBytes(asked, siteId)) return { publicKeys: [identity.key.publicKey], kits: [] };
        const owner = owners().find((peer) => equalBytes(peer.siteId, asked));
        return (
          owner && { publicKeys: [owner.identityKey], kits: [{ kitId: owner.kitId, publicKey: owner.kitPublicKey }] }
        );
      },
      clock,
      random,
    });
    if (catalog.incarnation() === undefined) await catalog.openIncarnation({ signer: signerOf(identity) });
    const volumes = await FolderVolumes.open(packs);
    const losses = new KnownLosses(folder);
    const onNotice = (notice: StoreNotice) => {
      logger.warn({ code: notice.code, ...notice.details }, notice.message);
      if (lossNotices.has(notice.code)) losses.note(notice.message);
    };
    const store = await Store.open({ volumes, indexFolder, realmId, siteId, random, clock, timers, onNotice });
    return new BlindVault(options, folder, catalog, store, volumes, losses);
  }

  /** Throws when the vault is not, or no longer, for this site. */
  admit(owner: Peer): void {
    checkOwner(this.catalog.views, this.#siteId, owner);
  }

  /** Lies beside the packs, so that whoever brings a kit of the owner's can read them. */
  keepSealedKeyring(owner: Peer, sealed: Uint8Array): void {
    this.admit(owner);
    writeFileDurably(this.#sealedKeyringFile, sealed);
  }

  /** What the owner gave to keep, for a site of its realm that has burnt. Throws `nothing_kept` before the first of it. */
  sealedKeyring(): Uint8Array {
    const file = this.#sealedKeyringFile;
    if (existsSync(file)) return readingState(file, () => readFileSync(file));
    throw new AppError('this site was given no keyring to keep for the site that was lost', {
      code: 'nothing_kept',
      advice: 'Rebuild from another peer of the lost site.',
    });
  }

  get #sealedKeyringFile(): string {
    return join(this.#folder, 'packs', 'keyring.sealed');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.store.close();
    await this.#volumes.close();
    await this.catalog.close();
  }
}

/** All vaults of a site. */
export class BlindVaults implements AsyncDisposable {
  readonly #options: Omit<BlindVaultOptions, 'realmId'>;
  readonly #open = new Map<string, Promise<BlindVault>>();

  constructor(options: Omit<BlindVaultOptions, 'realmId'>) {
    this.#options = options;
  }

  /** The vault of the realm that a peer belongs to; made when it is the first time. */
  of(peer: Peer): Promise<BlindVault> {
    const key = toHex(peer.realmId);
    const known = this.#open.get(key);
    if (known !== undefined) return known;
    const opening = BlindVault.open({ ...this.#options, realmId: asId('RealmId', peer.realmId) });
    this.#open.set(key, opening);
    opening.catch(() => this.#open.delete(key));
    return opening;
  }

  /** Every vault that there is. */
  async all(): Promise<BlindVault[]> {
    const lent = this.#options.owners().filter((peer) => existsSync(vaultFolder(this.#options.paths, peer.realmId)));
    return [...new Set(await Promise.all(lent.map((peer) => this.of(peer))))];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const opening of this.#open.values()) await (await opening)[Symbol.asyncDispose]();
  }
}

function vaultFolder(paths: StatePaths, realmId: Uint8Array): string {
  return join(paths.root, 'blind', toHex(realmId));
}
