import { createKeyring, withNewDataKey, withNewDomain } from '#keys';
import type { Mux } from '#link';
import type { DatasetId, DomainId, RecordId, SiteId, SnapshotId } from '#model';
import { KeyBook } from '#records';
import { type RecordPlace, type RecordStore, receiveUpload, serveReads } from '#replication';
import { AppError, systemRandom, systemTimers, toHex } from '#runtime';
import { decodeNode, parseRecord, type RecordView, sha256 } from '#wire';
import type { Operations, SnapshotView } from '../appliance/operations.ts';
import { scriptedOperations, unknownSnapshot } from './scripted-operations.ts';

const siteId = new Uint8Array(16).fill(1) as SiteId;
const datasetId = new Uint8Array(16).fill(2) as DatasetId;

/** Records in memory, durable once flushed. */
class MemoryRecords implements RecordStore {
  readonly #records: Uint8Array[] = [];
  readonly #places = new Map<string, RecordPlace>();
  readonly #pending: { readonly record: Uint8Array; readonly resolve: () => void }[] = [];

  append({ bytes: record }: RecordView): Promise<void> {
    return new Promise((resolve) => this.#pending.push({ record, resolve }));
  }

  async flush(): Promise<void> {
    for (const { record, resolve } of this.#pending.splice(0)) {
      const { ids, domainId, kind } = parseRecord(record);
      const place = { pack: 0, offset: this.#records.push(record) - 1, length: record.length, kind };
      for (const id of ids) this.#places.set(toHex(domainId) + toHex(id), place);
      resolve();
    }
  }

  isPending(): boolean {
    return false;
  }

  async locateMany(domainId: DomainId, ids: readonly RecordId[]): Promise<(RecordPlace | undefined)[]> {
    return ids.map((id) => this.#places.get(toHex(domainId) + toHex(id)));
  }

  async read(domainId: DomainId, id: RecordId): Promise<RecordView | undefined> {
    const place = this.#places.get(toHex(domainId) + toHex(id));
    return place && this.readAt(place);
  }

  async readAt(place: RecordPlace): Promise<RecordView> {
    return parseRecord(this.#records[place.offset] ?? new Uint8Array(0));
  }
}

/** An appliance with one dataset in memory: real uploads and reads, everything else scripted. */
export function memoryAppliance(script: Partial<Operations> = {}) {
  const by = { random: systemRandom, siteId, createdSeconds: 1 };
  const { keyring, domain } = withNewDomain(createKeyring(systemRandom), by);
  const keys = new KeyBook(withNewDataKey(keyring, by).keyring);
  const { domainId } = domain;
  const store = new MemoryRecords();
  const snapshots: {
    readonly view: SnapshotView;
    readonly snapshotId: SnapshotId;
    readonly manifestHash: Uint8Array;
  }[] = [];
  const refusing: { error: AppError | undefined } = { error: undefined };
  const begun = Promise.withResolvers<void>();

  const serveClient = (mux: Mux) => {
    mux.serve('upload', (channel) =>
      receiveUpload(channel, {
        store,
        keys,
        random: systemRandom,
        timers: systemTimers,
        windowBytes: 1_000_000,
        checkHashes: false,
        begin: async () => {
          begun.resolve();
          if (refusing.error !== undefined) throw refusing.error;
          return { siteId, datasetId, domainId, chunkerKey: new Uint8Array(32), previous: snapshots.at(-1) };
        },
        async recordSnapshot(_, snapshotId, payload) {
          snapshots.push({ view: viewOf(snapshotId, payload), snapshotId, manifestHash: sha256(payload) });
        },
      }),
    );
    mux.serve('read', (channel) =>
      serveReads(channel, { store, keys, open: () => ({ domainId }), fetcher: () => undefined, cutOut: false }),
    );
  };
  const snapshot = ({ reference }: { readonly reference: string }) => {
    const found = /@latest$/.test(reference)
      ? snapshots.at(-1)
      : snapshots.find(({ view }) => view.id.startsWith(reference));
    if (found === undefined) throw unknownSnapshot();
    return found.view;
  };
  return {
    operations: scriptedOperations({ serveClient, snapshot, ...script }),
    snapshots,
    refusing,
    begun: begun.promise,
  };
}

function viewOf(snapshotId: SnapshotId, payload: Uint8Array): SnapshotView {
  const node = decodeNode(payload);
  if (node.type !== 'manifest') throw new AppError('no manifest', { code: 'malformed', advice: 'None.' });
  const { datasetName, host, paths, totals, problems, startedSeconds } = node.manifest;
  const startedAt = new Date(startedSeconds * 1000).toISOString();
  return {
    id: toHex(snapshotId),
    site: 'north',
    dataset: datasetName,
    name: `north/${datasetName}@${startedAt}`,
    startedAt,
    host,
    paths: paths.map((path) => Buffer.from(path).toString()),
    files: totals.files,
    contentBytes: totals.contentBytes,
    problems: problems.length,
    copies: ['north'],
  };
}
