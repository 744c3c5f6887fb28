import { AppError, isAppError } from '#runtime';

/** The appliance went away in the middle of something. */
export function applianceGone(cause?: unknown): AppError {
  return new AppError('the appliance ended the connection', {
    code: 'appliance_gone',
    retryable: true,
    advice: 'See its log (journalctl -u sitepair, or the terminal it runs in), then run the command again.',
    cause,
  });
}

/** Runs work over the client protocol; when the connection breaks under it, says so in words that fit this machine. */
export async function overMux<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const lost = lostConnection(error);
    throw lost === undefined ? error : applianceGone(lost.cause ?? lost);
  }
}

/** A channel's errors have it as their cause. One that the appliance lost, to a peer, says who said so. */
function lostConnection(error: unknown): AppError | undefined {
  if (isAppError(error, 'connection_lost')) return error.details.saidBy === undefined ? error : undefined;
  return error instanceof Error && error.cause !== undefined ? lostConnection(error.cause) : undefined;
}
