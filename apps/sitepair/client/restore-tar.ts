import { createWriteStream, rmSync, statSync } from 'node:fs';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Problem } from '#model';
import { AppError, type Clock, isAppError, systemCode } from '#runtime';
import { tarStream } from '#snapshot';
import type { Progress, SnapshotView } from '../appliance/operations.ts';
import { overMux } from './appliance-gone.ts';
import type { ApplianceConnection } from './connect-appliance.ts';
import { openSnapshot } from './open-snapshot.ts';
import type { RestorePoint } from './restore-point.ts';

export interface RestoreTarOptions {
  readonly point: RestorePoint;
  readonly fromPeer: string | undefined;
  /** A path, or '-' for standard output. */
  readonly file: string;
  readonly replaceFile: boolean;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: Progress) => void;
}

export interface TarRestored {
  readonly snapshot: SnapshotView;
  readonly tarBytes: number;
  readonly problems: readonly Problem[];
  readonly seconds: number;
}

/** Writes a snapshot, or a part of one, as a tar archive. What it lacks is in `problems`; a broken archive is removed. */
export function restoreAsTar(appliance: ApplianceConnection, options: RestoreTarOptions): Promise<TarRestored> {
  return overMux(() => readAndWrite(appliance, options));
}

async function readAndWrite(appliance: ApplianceConnection, options: RestoreTarOptions): Promise<TarRestored> {
  const { point, file, clock, signal, onProgress } = options;
  const startedMs = clock.monotonicMs();
  const { snapshot, source, manifest } = await openSnapshot(appliance, point.reference, options.fromPeer);
  const isStdout = file === '-';
  const isFile = !isStdout && checkTarget(file, options.replaceFile);
  const problems: Problem[] = [];
  let tarBytes = 0;
  const pieces = tarStream({
    source,
    manifest,
    signal,
    ...(point.path === undefined ? {} : { subPath: Buffer.from(point.path) }),
    onProblem: (path, code, what) => problems.push({ path, code, what }),
  });
  async function* counted() {
    for await (const piece of pieces) {
      tarBytes += piece.length;
      onProgress({ doing: `writing ${snapshot.name} as tar`, doneBytes: tarBytes });
      yield piece;
    }
  }
  const out: Writable = isStdout ? process.stdout : createWriteStream(file);
  try {
    await pipeline(Readable.from(counted(), { objectMode: false }), out, { end: !isStdout });
  } catch (error) {
    if (isFile) rmSync(file, { force: true });
    throw isAppError(error) ? error : tarFailed(file, error);
  }
  await source.close();
  return { snapshot, tarBytes, problems, seconds: (clock.monotonicMs() - startedMs) / 1000 };
}

/** True when a file is to be made there; a tape drive or a pipe is written into. */
function checkTarget(file: string, replaceFile: boolean): boolean {
  try {
    if (!statSync(file).isFile()) return false;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return true;
    throw tarFailed(file, error);
  }
  if (replaceFile) return true;
  throw new AppError(`${file} exists already`, {
    code: 'target_not_empty',
    advice: 'Name another file, or replace this one with --existing overwrite.',
  });
}

function tarFailed(file: string, cause: unknown): AppError {
  return new AppError(`the archive cannot be written to ${file === '-' ? 'standard output' : file}`, {
    code: 'tar_failed',
    advice: 'Check the path, its permissions and the free space; then run it again.',
    cause,
  });
}
