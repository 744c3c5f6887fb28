import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { addAbortSignal, type Readable } from 'node:stream';
import { UploadSink } from '#replication';
import { AppError, type Clock, isAppError, toHex } from '#runtime';
import { type PreviousSnapshot, type SnapshotResult, snapshotStream, takeSnapshot } from '#snapshot';
import type { Progress, SnapshotView } from '../appliance/operations.ts';
import { softwareVersion } from '../software-version.ts';
import { overMux } from './appliance-gone.ts';
import type { ApplianceConnection } from './connect-appliance.ts';
import { openSnapshot } from './open-snapshot.ts';

/** What to back up: paths of this machine, or a stream as one file. */
export type BackupContent =
  | {
      readonly paths: readonly string[];
      readonly excludes: readonly string[];
      readonly excludeCaches: boolean;
      readonly oneFileSystem: boolean;
    }
  | { readonly fileName: string; readonly stream: Readable };

export interface BackupOptions {
  readonly dataset: string;
  readonly content: BackupContent;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: Progress) => void;
}

export interface Backup {
  readonly snapshot: SnapshotView;
  readonly taken: SnapshotResult;
  readonly sentBytes: number;
  readonly seconds: number;
}

/**
 * Takes a snapshot of files that this process can read, and hands it to the appliance. When this returns, all of it is
 * durable there. After a failure a new run sends only what was not acknowledged.
 */
export function backUp(appliance: ApplianceConnection, options: BackupOptions): Promise<Backup> {
  return overMux(() => takeAndCommit(appliance, options));
}

async function takeAndCommit(appliance: ApplianceConnection, options: BackupOptions): Promise<Backup> {
  const { dataset, content, clock, signal } = options;
  const startedMs = clock.monotonicMs();
  const isStream = 'stream' in content;
  const paths = isStream
    ? [Buffer.from(`/${content.fileName}`)]
    : content.paths.map((path) => Buffer.from(resolve(path)));
  const sink = await UploadSink.begin(await appliance.open('upload'), {
    datasetName: dataset,
    host: hostname(),
    paths,
  });
  try {
    const previous =
      sink.began.previousManifestHash.length > 0 && !isStream ? await previousOf(dataset, appliance) : undefined;
    const common = {
      sink,
      clock,
      signal,
      chunkerKey: sink.began.chunkerKey,
      labels: {
        siteId: sink.began.siteId,
        datasetId: sink.began.datasetId,
        datasetName: dataset,
        host: hostname(),
        softwareVersion: softwareVersion(),
      },
      onProgress: progressTeller(options, previous?.manifest.totals.contentBytes),
    };
    const taken = isStream
      ? await snapshotStream({
          ...common,
          name: Buffer.from(content.fileName),
          stream: addAbortSignal(signal, content.stream),
        })
      : await takeSnapshot({ ...common, ...content, paths, ...(previous === undefined ? {} : { previous }) });
    // Ctrl-C ends the program before the pipe too: its half of a dump must not count.
    signal.throwIfAborted();
    const snapshotId = await sink.commit(taken.manifestHash);
    const snapshot = await appliance.api.call('snapshot', { reference: toHex(snapshotId) });
    return { snapshot, taken, sentBytes: sink.sentBytes, seconds: (clock.monotonicMs() - startedMs) / 1000 };
  } catch (error) {
    // A stream that is aborted says so in words of its own.
    const reason: unknown = signal.aborted ? signal.reason : error;
    sink.abort(isAppError(reason) ? reason : clientFailed(reason));
    throw reason;
  }
}

/** The dataset's newest snapshot: files that have not changed since need not be read again. */
async function previousOf(dataset: string, appliance: ApplianceConnection): Promise<PreviousSnapshot> {
  const { manifest, source } = await openSnapshot(appliance, `${dataset}@latest`, undefined);
  return { manifest, node: (hash) => source.node(hash) };
}

function progressTeller({ dataset, onProgress }: BackupOptions, previousBytes: number | undefined) {
  return ({ totals, statistics }: Pick<SnapshotResult, 'totals' | 'statistics'>) => {
    const doneBytes = statistics.bytesRead + statistics.bytesReused;
    // The dataset is about as large as it was; once it is seen to be larger, nobody knows.
    const known = previousBytes !== undefined && doneBytes <= previousBytes ? { totalBytes: previousBytes } : {};
    onProgress({ doing: `backing up ${dataset}`, doneBytes, doneItems: totals.files, ...known });
  };
}

function clientFailed(cause: unknown): AppError {
  return new AppError('the client failed before its snapshot was complete', {
    code: 'client_failed',
    retryable: true,
    advice: 'See what the client said; run it again.',
    cause,
  });
}
