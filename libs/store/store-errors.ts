import { AppError, isAppError } from '#runtime';

/** Something that the store met and dealt with, and that a person should hear of. */
export interface StoreNotice {
  readonly code:
    | 'pack_damaged'
    | 'pack_left_open'
    | 'pack_tail_torn'
    | 'pack_missing'
    | 'pack_unreadable'
    | 'index_rebuilt'
    | 'index_damaged'
    | 'index_write_failed'
    | 'file_not_removed';
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
}

export type OnNotice = (notice: StoreNotice) => void;

/** The packs belong to another realm (`foreign_pack`): never skipped in silence, never mixed with ours. */
export function foreignPack(name: string, realm: string): AppError {
  return new AppError(`pack ${name} was written by realm ${realm}, not by ours`, {
    code: 'foreign_pack',
    advice: 'Move the pack out of this folder, or join that realm before opening the store.',
    details: { pack: name, realm },
  });
}

/** The folder's store.json names another realm or site (`foreign_store`). */
export function foreignStore(what: 'realm' | 'site', theirs: string, ours: string): AppError {
  return new AppError(`this folder holds the packs of ${what} ${theirs}, not of ${ours}`, {
    code: 'foreign_store',
    advice: 'Check that the right disk is mounted; to take these packs over, remove store.json from the folder.',
    details: { what, theirs, ours },
  });
}

/** A later Sitepair wrote this pack (`pack_too_new`). */
export function packTooNew(name: string, version: number): AppError {
  return new AppError(`pack ${name} has format ${version}, this Sitepair reads 1`, {
    code: 'pack_too_new',
    advice: 'Upgrade Sitepair on this site.',
    details: { pack: name, version },
  });
}

/** A record does not read back as it was written (`record_damaged`). */
export function storedRecordDamaged(pack: number, offset: number, cause: unknown): AppError {
  return new AppError(`the record at offset ${offset} of pack ${pack} is damaged`, {
    code: 'record_damaged',
    advice: 'Run "sitepair scrub --heal" to fetch a good copy from a peer.',
    details: { pack, offset },
    cause,
  });
}

/** What was appended and not acknowledged is not durable; the sender has it still and sends it again. */
export function windowLost(cause: unknown): AppError {
  const known = isAppError(cause) ? cause : undefined;
  const why = known?.message ?? 'records could not be made durable';
  return new AppError(`${why}; what was not acknowledged must be sent again`, {
    code: known?.code ?? 'volume_io_error',
    retryable: known?.retryable ?? false,
    advice: known?.advice ?? 'Check the disk, then start the work again: it goes on where it stopped.',
    details: { ...known?.details, sendAgain: true },
    cause,
  });
}

/** More was appended than may wait in memory (`store_busy`). */
export function storeBusy(pendingBytes: number): AppError {
  return new AppError(`${pendingBytes} bytes wait to be written`, {
    code: 'store_busy',
    retryable: true,
    advice: 'Wait: the disk is slower than the senders.',
    details: { pendingBytes },
  });
}

/** The store was closed before the call (`store_closed`). */
export function storeClosed(): AppError {
  return new AppError('the store is closed', {
    code: 'store_closed',
    advice: 'Start the work again when the appliance runs.',
  });
}

/** A pack cannot be replaced, because records in it have no good copy (`pack_holds_lost_records`). */
export function packHoldsLostRecords(pack: number, ids: readonly string[], unknownBytes: number): AppError {
  const what = ids.length > 0 ? `${ids.length} ids` : `${unknownBytes} bytes that name no record`;
  return new AppError(`pack ${pack} holds damage without a good copy elsewhere: ${what}`, {
    code: 'pack_holds_lost_records',
    advice: 'Fetch good copies first (sitepair scrub --heal), or accept the loss.',
    details: { pack, ids: ids.slice(0, 1000), unknownBytes },
  });
}

/** The pack of a place is no more: a repair has moved its records (`place_gone`). */
export function placeGone(pack: number): AppError {
  return new AppError(`pack ${pack} was replaced`, {
    code: 'place_gone',
    retryable: true,
    advice: 'Look the record up again.',
    details: { pack },
  });
}

/** There is no such pack (`no_such_pack`). */
export function noSuchPack(pack: number): AppError {
  return new AppError(`there is no pack ${pack}`, {
    code: 'no_such_pack',
    advice: 'Run "sitepair store check" to see the packs.',
    details: { pack },
  });
}

/** The index on disk cannot be used as it is (`index_damaged`); all of it can be made again. */
export function indexDamaged(why: string): AppError {
  return new AppError(`the index is damaged: ${why}`, {
    code: 'index_damaged',
    advice: 'Run "sitepair store reindex": nothing is lost, the index is made again from the packs.',
  });
}

/** The index could not be written (`index_write_failed`). */
export function indexWriteFailed(cause: unknown): AppError {
  return new AppError('the index could not be written', {
    code: 'index_write_failed',
    retryable: true,
    advice: 'Check the space and the disk where the index lies.',
    cause,
  });
}

/** The index could not be written for so long that memory would run out (`volume_full`). */
export function indexOverdue(ids: number): AppError {
  return new AppError(`${ids} ids wait for the index, which cannot be written`, {
    code: 'volume_full',
    advice: 'Free space where the index lies; then start the work again, it goes on where it stopped.',
    details: { ids },
  });
}
