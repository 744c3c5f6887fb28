import { AppError, systemCode } from '#runtime';

const full = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);
const readOnly = new Set(['EROFS', 'EACCES', 'EPERM']);
const gone = new Set(['ENOENT', 'ENOTDIR', 'ENODEV', 'ENXIO', 'ESTALE', 'ENOTCONN']);

/** No space or no quota is left (`volume_full`): trying again at once cannot help. */
export function volumeFull(what: string, cause?: unknown): AppError {
  return new AppError(`no space left to ${what}`, {
    code: 'volume_full',
    advice: 'Free space or add a disk; then start the work again, it goes on where it stopped.',
    details: { what },
    cause,
  });
}

/** The device failed to read or write (`volume_io_error`). */
export function volumeIoError(what: string, cause?: unknown): AppError {
  return new AppError(`the device failed to ${what}`, {
    code: 'volume_io_error',
    retryable: true,
    advice: 'Check the disk and its cables (smartctl, dmesg), then run "sitepair scrub --heal".',
    details: { what, system: systemCode(cause) },
    cause,
  });
}

/** Writing is not allowed (`volume_read_only`): mounted read-only, or another owner. */
function volumeReadOnly(what: string, cause?: unknown): AppError {
  return new AppError(`not allowed to ${what}`, {
    code: 'volume_read_only',
    advice: 'Mount the file system for writing and give the folder to the user that runs Sitepair.',
    details: { what, system: systemCode(cause) },
    cause,
  });
}

/** A file or the whole device is not there (`volume_gone`). */
export function volumeGone(what: string, cause?: unknown): AppError {
  return new AppError(`not there to ${what}`, {
    code: 'volume_gone',
    advice: 'Check that the disk is connected and mounted where it was.',
    details: { what, system: systemCode(cause) },
    cause,
  });
}

/** The error for a failed system call; `what` is a verb with its object, `read 000000/0000000001.pack`. */
export function volumeError(what: string, cause: unknown): AppError {
  const code = systemCode(cause) ?? '';
  if (full.has(code)) return volumeFull(what, cause);
  if (readOnly.has(code)) return volumeReadOnly(what, cause);
  if (gone.has(code)) return volumeGone(what, cause);
  return volumeIoError(what, cause);
}
