import type { LinkSettings } from '#link';
import { AppError } from '#runtime';
import type { Run } from './operations.ts';

/** A run that also ends when something fails that the peer had asked of the site in its making. */
export interface RebuildRun extends Run {
  readonly onHandlerError: LinkSettings['onHandlerError'];
}

/** Of a run one whose signal aborts with `rebuild_failed`, too: what goes wrong on a link has nobody else to tell. */
export function rebuildRun(run: Run): RebuildRun {
  const failed = new AbortController();
  return {
    signal: AbortSignal.any([run.signal, failed.signal]),
    progress: (progress) => run.progress(progress),
    onHandlerError: (error, service) => failed.abort(serviceFailed(service, error)),
  };
}

function serviceFailed(service: string, cause: unknown): AppError {
  return new AppError(`the rebuild failed as it answered the other site ("${service}")`, {
    code: 'rebuild_failed',
    advice: 'Run the same command again; report it if it happens twice.',
    cause,
  });
}
