import { AppError } from '#runtime';

const updateAdvice = 'The data is damaged or comes from another version: check both versions with --version.';

/** A disk that takes writes again is noticed with the next change; LMDB may need a restart after some errors. */
const diskAdvice =
  'Free space or check the disk (dmesg, smartctl): it goes on by itself then; if it does not, restart the appliance.';

/** Bytes that are no batch, message or statement of ours. */
export function malformedCatalog(what: string, cause?: unknown): AppError {
  return new AppError(`malformed catalog data: ${what}`, { code: 'catalog_malformed', advice: updateAdvice, cause });
}

/** This site may not write now: its log was continued elsewhere, or it has none yet. */
export function incarnationNeeded(why: string): AppError {
  return new AppError(`this site cannot add to its log: ${why}`, {
    code: 'catalog_incarnation_needed',
    advice: 'Let the appliance reach its peers, then open a new incarnation with "sitepair rebuild".',
  });
}

/** A log lost something that had been acknowledged. */
export function logDamaged(site: string, incarnation: number): AppError {
  return new AppError(`the log of site ${site}, incarnation ${incarnation}, is damaged`, {
    code: 'catalog_log_damaged',
    advice: 'Connect a peer: what is missing comes from its copy. If none has it, run "sitepair rebuild".',
    details: { site, incarnation },
  });
}

/** The disk refused a write; what was to be appended is not acknowledged. */
export function logWriteFailed(path: string, cause: unknown): AppError {
  return new AppError(`cannot write the catalog's log ${path}`, {
    code: 'catalog_write_failed',
    retryable: true,
    advice: diskAdvice,
    details: { path },
    cause,
  });
}

/** A row of the views is not what was written; the logs have everything. */
export function viewsDamaged(cause?: unknown): AppError {
  return new AppError('the views of the catalog are damaged', {
    code: 'catalog_views_damaged',
    advice: 'Restart the appliance: the views are built anew from the logs.',
    cause,
  });
}

/** The disk refused a row; the logs have everything that was acknowledged, and perhaps what was not. */
export function viewsWriteFailed(cause: unknown): AppError {
  return new AppError('cannot write the views of the catalog', {
    code: 'catalog_views_write_failed',
    retryable: true,
    advice: diskAdvice,
    cause,
  });
}

/** Two catalogs have exchanged all they could and still differ. */
export function notConverged(refused: Readonly<Record<string, number>>): AppError {
  return new AppError('the two catalogs still differ after everything was exchanged', {
    code: 'catalog_not_converged',
    advice: 'Look at the problems of both catalogs: a log that one side cannot verify is named there.',
    details: { refused },
  });
}

/** The other end, or the caller, has ended the exchange before both catalogs agreed. */
export function exchangeEnded(): AppError {
  return new AppError('the exchange of catalogs ended before they agreed', {
    code: 'catalog_exchange_ended',
    retryable: true,
    advice: 'Try again once the link is up.',
  });
}

/** The catalog was closed: a bug of the caller, or a shutdown under way. */
export function catalogClosed(): AppError {
  return new AppError('the catalog is closed', {
    code: 'catalog_closed',
    advice: 'Wait until the appliance has started again.',
  });
}
