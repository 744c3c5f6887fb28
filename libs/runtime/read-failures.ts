import { AppError, systemCode } from './app-error.ts';

/** What a system says that could not read now, and says nothing of what is there. */
const failures: ReadonlySet<string> = new Set([
  'EIO',
  'EMFILE',
  'ENFILE',
  'ENOMEM',
  'ESTALE',
  'ETIMEDOUT',
  'EREMOTEIO',
  'EUCLEAN',
  'EBADMSG',
]);

/**
 * Runs a read of a file or folder of the state. A device that fails is told as that (`state_read_failed`), and is never
 * taken for damage or for a file that is not there; all else is thrown as it is.
 */
export function readingState<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw readFailure(path, error);
  }
}

/** The same of a read that takes its time. */
export async function readingStateAsync<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw readFailure(path, error);
  }
}

/** True of an error by which a device, or the system, could not read now. */
export function isReadFailure(error: unknown): boolean {
  return failures.has(systemCode(error) ?? '');
}

function readFailure(path: string, error: unknown): unknown {
  if (!isReadFailure(error)) return error;
  return new AppError(`${path} could not be read`, {
    code: 'state_read_failed',
    retryable: true,
    advice: 'Check its disk and cables (dmesg, smartctl) and the limits of this process, then do the same again.',
    details: { path, system: systemCode(error) },
    cause: error,
  });
}
