import { rmSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import type { DatasetId, SiteId, SnapshotId } from '#model';
import {
  CarriedFolder,
  type CarriedJob,
  type CarriedReceiver,
  carriedForbidden,
  checkCarriedFolder,
  diskName,
  exportCarried,
  importCarried,
  namesIn,
  packsFolder,
} from '#replication';
import { AppError, equalBytes, isAppError, toHex } from '#runtime';
import { Store } from '#store';
import { FolderVolumes } from '#targets/folder';
import type { Appliance } from './appliance.ts';
import { CarriedMemory } from './carried-memory.ts';
import { replicationWindowBytes } from './limits.ts';
import type { CarriedExportView, CarriedImportView, Run } from './operations.ts';
import type { Peer } from './peers.ts';
import type { SnapshotBook } from './snapshot-book.ts';

/** How far back a base is looked for that the peer holds. */
const heldLookedAt = 1024;

export interface ExportRequest {
  readonly folder: string;
  readonly peer?: string;
  readonly dataset?: string;
  /** Forget what earlier disks carry: they are lost, or this is to be a second copy. */
  readonly anew?: boolean;
}

/** Snapshots on disks that are carried to a peer. One at a time: two writers in one folder would spoil it. */
export class CarriedDisks {
  readonly #appliance: Appliance;
  #busy = false;

  constructor(appliance: Appliance) {
    this.#appliance = appliance;
  }

  writeTo(request: ExportRequest, run: Run): Promise<CarriedExportView> {
    return this.#alone(() => this.#writeTo(request, run));
  }

  takeFrom({ folder }: { readonly folder: string }, run: Run): Promise<CarriedImportView> {
    return this.#alone(() => this.#takeFrom(checkedPath(folder), run));
  }

  async #writeTo({ folder: path, peer: name, dataset, anew }: ExportRequest, run: Run): Promise<CarriedExportView> {
    const { identity, keys, store, secrets, paths, environment } = this.#appliance;
    const { clock, random, timers } = environment;
    const folder = checkedPath(path);
    const peer = this.#addressee(name);
    const memory = new CarriedMemory(paths, peer.siteId);
    const jobs = this.#jobsFor(peer, dataset);
    if (anew === true || jobs.length === 0) memory.forget();
    if (jobs.length === 0) throw nothingToCarry(peer);
    // Before anything is made in it: a folder full of somebody's photographs gets no `packs` from us.
    await checkCarriedFolder(folder);
    const { volumes, packs } = await openFolder(folder);
    const index = join(paths.root, 'carried', 'index');
    const { realmId } = keys.keyring;
    try {
      const result = await exportCarried({
        identity,
        realmId,
        addressee: peer.siteId,
        jobs,
        store,
        keys: keys.book,
        sealedKeyring: secrets.readSealedKeyring(),
        batches: () => this.#batchesFor(peer),
        folder,
        names: () => namesIn(folder),
        volumes,
        packs,
        openDisk: (onLeftOpen) => {
          rmSync(index, { recursive: true, force: true });
          const { siteId } = identity;
          const onNotice = ({ code }: { readonly code: string }) => {
            if (code === 'pack_left_open') onLeftOpen();
          };
          const acceptedRealmIds = keys.keyring.formerRealmIds;
          const of = { volumes: packs, indexFolder: index, realmId, acceptedRealmIds, siteId };
          return Store.open({ ...of, random, clock, timers, onNotice });
        },
        elsewhere: (diskId) => memory.except(diskId),
        onCarried: (diskId, places) => memory.keep(diskId, places),
        clock,
        random,
        signal: run.signal,
        onProgress: progressOf(run),
      });
      const { diskId, ...counts } = result;
      return { peer: peer.name, disk: diskName(diskId), otherDisks: memory.countExcept(diskId), ...counts };
    } catch (error) {
      throw isAppError(error, 'volume_read_only') ? carriedForbidden(folder, error) : error;
    } finally {
      await packs.close();
      await volumes.close();
      rmSync(index, { recursive: true, force: true });
    }
  }

  async #takeFrom(folder: string, run: Run): Promise<CarriedImportView> {
    const { identity, environment, peers } = this.#appliance;
    let book: SnapshotBook = this.#appliance.book;
    const result = await importCarried({
      source: new CarriedFolder(folder),
      siteId: identity.siteId,
      keysOf: (siteId) => this.#keysOf(siteId),
      receiver: async (exporter) => {
        const opened = await this.#receiverFor(exporter);
        ({ book } = opened);
        return opened.receiver;
      },
      timers: environment.timers,
      windowBytes: replicationWindowBytes,
      signal: run.signal,
      onProgress: progressOf(run),
    });
    const nameOf = ({ snapshotId }: { readonly snapshotId: SnapshotId }) => book.snapshot(toHex(snapshotId)).name;
    return {
      peer: peers.find(result.exporter)?.name ?? '',
      disk: diskName(result.diskId),
      snapshots: result.snapshots.map(nameOf),
      alreadyHeld: result.alreadyHeld,
      incomplete: result.incomplete.map(({ snapshot, missing }) => ({ snapshot: nameOf(snapshot), missing })),
      takenRecords: result.takenRecords,
      takenBytes: result.takenBytes,
    };
  }

  #addressee(name: string | undefined): Peer {
    const { peers } = this.#appliance;
    const paired = peers.all().filter((peer) => peer.joined && peer.ownRole === 'full');
    if (name === undefined && paired.length > 1) throw peerNeeded(paired);
    const peer = name === undefined ? paired[0] : peers.named(name);
    if (peer === undefined || !paired.includes(peer)) throw notAddressee(name);
    return peer;
  }

  /** What the peer lacks, each with the snapshot before it as base: what that has is carried, or there. */
  #jobsFor(peer: Peer, dataset: string | undefined): CarriedJob[] {
    const { book } = this.#appliance;
    const bases = new Map<string, SnapshotId>();
    return book.pendingFor(peer.siteId, dataset).map((pending) => {
      const key = toHex(pending.datasetId);
      const base = bases.get(key) ?? this.#newestAt(peer, pending.datasetId);
      bases.set(key, pending.snapshotId);
      return { ...pending, base };
    });
  }

  #newestAt(peer: Peer, datasetId: DatasetId): SnapshotId | undefined {
    const { book, catalog } = this.#appliance;
    return book
      .heldHere(datasetId, heldLookedAt)
      .find((id) => catalog.views.copiesOf(id).some(({ siteId }) => equalBytes(siteId, peer.siteId)));
  }

  async *#batchesFor(peer: Peer): AsyncGenerator<Uint8Array> {
    const { catalog } = this.#appliance;
    const scope = catalog.scopeFor(peer.siteId, peer.role);
    for await (const { signedBytes } of catalog.batchesAfter([], scope)) yield signedBytes;
  }

  /** A blind peer has nothing that its owner lacks, and is not believed when it says so. */
  #keysOf(siteId: SiteId): Uint8Array[] {
    const { peers, catalog } = this.#appliance;
    const peer = peers.find(siteId);
    if (peer === undefined || !peer.joined || peer.role === 'blind') return [];
    const logged = catalog.identityKeyOf(siteId);
    return logged === undefined ? [peer.identityKey] : [peer.identityKey, logged];
  }

  async #receiverFor(exporter: SiteId): Promise<{ readonly book: SnapshotBook; readonly receiver: CarriedReceiver }> {
    const { peers, vaults, store, keys, book, catalog } = this.#appliance;
    const peer = peers.find(exporter);
    if (peer?.ownRole === 'blind') {
      const vault = await vaults.of(peer);
      vault.admit(peer);
      const accept = (batches: readonly Uint8Array[]) => vault.catalog.accept(batches);
      const acceptsRealm = (realmId: Uint8Array) => equalBytes(realmId, vault.realmId);
      const receiver = { store: vault.store, keys: undefined, copies: vault.book, accept, acceptsRealm };
      return { book: vault.book, receiver };
    }
    const realms = [keys.keyring.realmId, ...keys.keyring.formerRealmIds];
    const acceptsRealm = (realmId: Uint8Array) => realms.some((realm) => equalBytes(realm, realmId));
    const accept = (batches: readonly Uint8Array[]) => catalog.accept(batches);
    return { book, receiver: { store, keys: keys.book, copies: book, accept, acceptsRealm } };
  }

  async #alone<T>(work: () => Promise<T>): Promise<T> {
    if (this.#busy) throw alreadyBusy();
    this.#busy = true;
    try {
      return await work();
    } finally {
      this.#busy = false;
    }
  }
}

async function openFolder(folder: string) {
  try {
    const volumes = await FolderVolumes.open(folder);
    return { volumes, packs: await FolderVolumes.open(join(folder, packsFolder)) };
  } catch (error) {
    throw isAppError(error, 'volume_read_only') ? carriedForbidden(folder, error) : error;
  }
}

function checkedPath(folder: string): string {
  if (isAbsolute(folder) && !folder.includes('\0')) return folder;
  throw new AppError('the folder of a carried disk is named by its whole path', {
    code: 'carried_path_bad',
    advice: 'Give a path that begins with "/"; the command line does so by itself.',
  });
}

function progressOf(run: Run) {
  return (doing: string, doneBytes: number, totalBytes?: number) =>
    run.progress({ doing, doneBytes, ...(totalBytes === undefined ? {} : { totalBytes }) });
}

function peerNeeded(peers: readonly Peer[]): AppError {
  return new AppError('a disk is for one peer, and this site has several', {
    code: 'carried_peer_needed',
    advice: `Name it behind the folder, one of: ${peers.map(({ name }) => name).join(', ')}.`,
  });
}

function notAddressee(name: string | undefined): AppError {
  return new AppError(name === undefined ? 'this site has no peer to carry a disk to' : `no disk can be for ${name}`, {
    code: 'carried_no_addressee',
    advice: 'Pair both sites first ("sitepair pair invite --help"), this one with keys; any line will do for that.',
  });
}

function nothingToCarry({ name }: Peer): AppError {
  return new AppError(`${name} lacks nothing that this site could carry there`, {
    code: 'carried_nothing',
    advice: 'Nothing to do. New snapshots go over the link by themselves.',
  });
}

function alreadyBusy(): AppError {
  return new AppError('this appliance is writing or reading a carried disk already', {
    code: 'carried_busy',
    retryable: true,
    advice: 'Wait for that command to end, or stop it with Ctrl-C where it runs.',
  });
}
