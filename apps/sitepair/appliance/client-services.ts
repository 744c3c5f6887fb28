import type { Catalog, DatasetView, SnapshotView } from '#catalog';
import { findDomain } from '#keys';
import type { Mux } from '#link';
import { asId, checkedName, type DatasetId, type SnapshotId } from '#model';
import { openNode } from '#records';
import { type FetchFromPeers, type RecordStore, receiveUpload, serveReads, type UploadTarget } from '#replication';
import { AppError, type Clock, equalBytes, isAppError, type Random, type Timers, toHex } from '#runtime';
import { decodeNode } from '#wire';
import type { Agent } from './agent-file.ts';
import { checkManifest } from './check-manifest.ts';
import type { DatasetOwners } from './dataset-owners.ts';
import { uploadWindowBytes } from './limits.ts';
import { momentNow } from './moment-now.ts';
import type { RealmKeys } from './realm-keys.ts';

export interface ClientServicesOptions {
  readonly siteId: Uint8Array;
  readonly catalog: Catalog;
  readonly store: RecordStore;
  readonly keys: RealmKeys;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly owners: DatasetOwners;
  readonly fetcher: (fromSite: Uint8Array) => FetchFromPeers;
  /** A snapshot that is whole here, as far as this site knows. */
  readonly mayBeBase: (snapshotId: SnapshotId) => boolean;
  /** Something new is complete here: peers may want it. */
  readonly onSnapshot: () => void;
}

/** What a client says of the upload that it begins. */
export interface UploadBeginning {
  readonly datasetName: string;
  readonly host: string;
  readonly paths: readonly Uint8Array[];
}

/** What the admin's own clients may do: back up into any dataset that is no agent's, read any snapshot. */
export class ClientServices {
  readonly #options: ClientServicesOptions;
  #begun: Promise<unknown> = Promise.resolve();

  constructor(options: ClientServicesOptions) {
    this.#options = options;
  }

  /** Registers the client services on a mux of control.sock. */
  serve(mux: Mux): void {
    mux.serve('upload', (channel) =>
      receiveUpload(channel, {
        ...this.uploadParts(),
        checkHashes: false,
        begin: (begin) => this.begin(begin, undefined),
        recordSnapshot: (target, snapshotId, manifest) => this.record(target, snapshotId, manifest),
      }),
    );
    mux.serve('read', (channel) =>
      serveReads(channel, {
        ...this.readParts(),
        open: (snapshotId) => this.#known(asId('SnapshotId', snapshotId)),
        cutOut: false,
      }),
    );
  }

  /** What every upload into this site's store works with. */
  uploadParts() {
    const { store, keys, random, timers } = this.#options;
    return { store, keys: keys.book, random, timers, windowBytes: uploadWindowBytes };
  }

  /** What every read through this site works with. */
  readParts() {
    const { store, keys, fetcher } = this.#options;
    return { store, keys: keys.book, fetcher };
  }

  /**
   * Finds or makes the dataset of an upload; `agent` is undefined for the admin. One after the other, so that no two take
   * the same name. Throws `dataset_taken`.
   */
  begin(begin: UploadBeginning, agent: Agent | undefined): Promise<UploadTarget> {
    const begun = this.#begun.then(() => this.#begin(begin, agent));
    this.#begun = begun.catch(() => undefined);
    return begun;
  }

  async #begin(begin: UploadBeginning, agent: Agent | undefined): Promise<UploadTarget> {
    const { catalog, keys, siteId, owners } = this.#options;
    const name = checkedName('dataset', begin.datasetName);
    const exists = catalog.views.datasetsNamed(name).some((dataset) => equalBytes(dataset.siteId, siteId));
    await owners.admit(name, agent, exists);
    const dataset = this.#ownDataset(name) ?? (await this.#createDataset(name, begin));
    const domain = findDomain(keys.keyring, dataset.domainId);
    if (domain === undefined) throw domainMissing(name);
    const [latest] = catalog.views.snapshots({
      siteId: asId('SiteId', siteId),
      datasetId: dataset.datasetId,
      limit: 1,
    }).snapshots;
    return {
      siteId: asId('SiteId', siteId),
      datasetId: dataset.datasetId,
      domainId: dataset.domainId,
      chunkerKey: domain.chunkerKey,
      previous: latest && (await this.#previous(latest)),
    };
  }

  /** The snapshot to compare with; none when it is not whole here, after a rebuild or damage: then everything is read anew. */
  async #previous({ snapshotId, domainId }: SnapshotView): Promise<UploadTarget['previous']> {
    const { store, keys } = this.#options;
    if (!this.#options.mayBeBase(snapshotId)) return undefined;
    try {
      const record = await store.read(domainId, snapshotId);
      return record && { snapshotId, manifestHash: openNode(keys.book, record).hash };
    } catch (error) {
      if (isAppError(error, 'record_damaged')) return undefined;
      throw error;
    }
  }

  #ownDataset(name: string): Pick<DatasetView, 'datasetId' | 'domainId'> | undefined {
    const named = this.#options.catalog.views.datasetsNamed(name);
    return named.findLast((dataset) => equalBytes(dataset.siteId, this.#options.siteId) && !dataset.superseded);
  }

  async #createDataset(name: string, { host, paths }: UploadBeginning) {
    const { catalog, keys, random } = this.#options;
    // The realm's first domain: content of all managed datasets is stored once.
    const domainId = keys.keyring.domains.toSorted((a, b) => a.createdSeconds - b.createdSeconds)[0]?.domainId;
    if (domainId === undefined) throw domainMissing(name);
    const datasetId = random.bytes(16) as DatasetId;
    await catalog.append([{ kind: 'datasetCreated', datasetId, domainId, name, host, paths }]);
    return { datasetId, domainId };
  }

  /** Logs a snapshot that is complete here; the last step of an upload. */
  async record(target: UploadTarget, snapshotId: SnapshotId, payload: Uint8Array): Promise<void> {
    const { catalog, clock, siteId } = this.#options;
    const node = decodeNode(payload);
    if (node.type !== 'manifest') throw notAManifest();
    const { manifest } = node;
    checkManifest(manifest, target);
    const { datasetId, domainId } = target;
    const proved = momentNow(clock);
    await catalog.append([
      {
        kind: 'snapshotMade',
        snapshotId,
        datasetId,
        domainId,
        rootId: snapshotId,
        lockSeconds: 0,
        started: { seconds: manifest.startedSeconds, nanos: manifest.startedNanos },
        finished: { seconds: manifest.finishedSeconds, nanos: manifest.finishedNanos },
        totals: { ...manifest.totals },
        host: manifest.host,
      },
      { kind: 'copyMade', snapshotId, ownerSiteId: asId('SiteId', siteId), where: 'store', proved },
    ]);
    this.#options.onSnapshot();
  }

  /** Two logs may name one id, and one of them lie about its domain: the row counts whose domain has it. */
  async #known(snapshotId: SnapshotId): Promise<SnapshotView> {
    const { catalog, store } = this.#options;
    const [first, ...others] = catalog.views.snapshotsById(toHex(snapshotId));
    for (const row of others.length === 0 ? [] : [first, ...others]) {
      const [place] = row === undefined ? [] : await store.locateMany(row.domainId, [snapshotId]);
      if (row !== undefined && place !== undefined) return row;
    }
    if (first !== undefined) return first;
    throw new AppError('this appliance knows no such snapshot', {
      code: 'snapshot_unknown',
      advice: 'List what there is with "sitepair snapshots".',
    });
  }
}

function notAManifest(): AppError {
  return new AppError('the upload does not end with a manifest', {
    code: 'protocol_violation',
    advice: 'Check that client and appliance run the same version (--version).',
  });
}

function domainMissing(dataset: string): AppError {
  return new AppError(`the keys of dataset "${dataset}" are not in this site's keyring`, {
    code: 'key_missing',
    advice: 'Connect to a full member of the realm so that the keyrings unite.',
  });
}
