import { codecOf } from '#wire';
import type { DatasetView, SnapshotView } from './operations.ts';

/** `QueryRequest` and `QueryReply` of agent.proto, for both ends. */
export interface QueryRequest {
  datasets?: object | null;
  snapshots?: { dataset: string } | null;
  snapshot?: { reference: string } | null;
}

export interface QueryReply {
  datasets: (Omit<DatasetView, 'latest'> & { latest: string })[];
  snapshots: SnapshotView[];
}

export const queryRequestCodec = codecOf<QueryRequest>('agent.proto', 'sitepair.agent.v1.QueryRequest');
const queryReplyCodec = codecOf<QueryReply>('agent.proto', 'sitepair.agent.v1.QueryReply');

/** Snapshots in one page: with many paths each, far below the 8 MiB of a message. */
const pageRows = 256;
// More than these are cut from a row, so that no agent's list of paths makes a page too large.
const pathsMax = 64;

/** The pages that answer with snapshots. */
export function* snapshotPages(views: readonly SnapshotView[]): Generator<Uint8Array> {
  for (let at = 0; at < views.length; at += pageRows) {
    const snapshots = views.slice(at, at + pageRows).map((view) => ({ ...view, paths: view.paths.slice(0, pathsMax) }));
    yield queryReplyCodec.encode({ snapshots });
  }
}

/** The pages that answer with datasets. */
export function* datasetPages(views: readonly DatasetView[]): Generator<Uint8Array> {
  for (let at = 0; at < views.length; at += pageRows) {
    const datasets = views.slice(at, at + pageRows).map((view) => ({ ...view, latest: view.latest ?? '' }));
    yield queryReplyCodec.encode({ datasets });
  }
}

/** The rows of a page as plain values. */
export function readPage(bytes: Uint8Array): { readonly datasets: DatasetView[]; readonly snapshots: SnapshotView[] } {
  const page = queryReplyCodec.decode(bytes);
  return {
    datasets: page.datasets.map(({ name, site, datasetId, snapshots, latest }) => ({
      ...{ name, site, datasetId, snapshots },
      latest: latest === '' ? undefined : latest,
    })),
    snapshots: page.snapshots.map((row) => ({
      id: row.id,
      site: row.site,
      dataset: row.dataset,
      name: row.name,
      startedAt: row.startedAt,
      host: row.host,
      paths: [...row.paths],
      files: row.files,
      contentBytes: row.contentBytes,
      problems: row.problems,
      copies: [...row.copies],
    })),
  };
}
