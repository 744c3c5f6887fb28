import { resolve } from 'node:path';
import type { Clock } from '#runtime';
import { type ExistingPolicy, type RestoreReport, restoreSnapshot } from '#snapshot';
import type { Progress, SnapshotView } from '../appliance/operations.ts';
import { overMux } from './appliance-gone.ts';
import type { ApplianceConnection } from './connect-appliance.ts';
import { openSnapshot } from './open-snapshot.ts';
import type { RestorePoint } from './restore-point.ts';

export interface RestoreFolderOptions {
  readonly point: RestorePoint;
  readonly fromPeer: string | undefined;
  readonly target: string;
  readonly existing: ExistingPolicy;
  readonly dryRun: boolean;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: Progress) => void;
}

export interface Restored {
  readonly snapshot: SnapshotView;
  readonly report: RestoreReport;
  readonly receivedBytes: number;
  readonly seconds: number;
}

/** Writes a snapshot, or a part of one, into a folder, with the rights of this process. */
export function restoreIntoFolder(appliance: ApplianceConnection, options: RestoreFolderOptions): Promise<Restored> {
  return overMux(() => readAndWrite(appliance, options));
}

async function readAndWrite(appliance: ApplianceConnection, options: RestoreFolderOptions): Promise<Restored> {
  const { point, clock, signal, onProgress } = options;
  const startedMs = clock.monotonicMs();
  const { snapshot, source, manifest } = await openSnapshot(appliance, point.reference, options.fromPeer);
  // Of a part of a snapshot nobody knows the size beforehand.
  const totals = point.path === undefined ? { totalBytes: snapshot.contentBytes, totalItems: snapshot.files } : {};
  const report = await restoreSnapshot({
    source,
    manifest,
    manifestHash: source.manifestHash,
    ...(point.path === undefined ? {} : { subPath: Buffer.from(point.path) }),
    target: Buffer.from(resolve(options.target)),
    existing: options.existing,
    dryRun: options.dryRun,
    clock,
    signal,
    onProgress: ({ bytes, files }) =>
      onProgress({ doing: `restoring ${snapshot.name}`, doneBytes: bytes, doneItems: files, ...totals }),
  });
  await source.close();
  const seconds = (clock.monotonicMs() - startedMs) / 1000;
  return { snapshot, report, receivedBytes: source.receivedBytes, seconds };
}
