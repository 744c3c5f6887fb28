import { AppError, isAppError } from '#runtime';
import { stallMs } from './protocol-limits.ts';

/** The other end said something that the protocol does not allow here. */
export function protocolViolation(what: string, cause?: unknown): AppError {
  return new AppError(`the other end broke the protocol: ${what}`, {
    code: 'protocol_violation',
    advice: 'Check that both ends run a supported version (--version); if they do, please report this.',
    cause,
  });
}

/** A snapshot's content is not complete here. */
export function contentMissing(what: string): AppError {
  return new AppError(`${what} is not complete at this site`, {
    code: 'content_missing',
    advice: 'Run "sitepair scrub --heal" to fetch what is missing from a peer.',
  });
}

/** The connection ended where more was to come: trying again resumes. */
export function sessionCut(): AppError {
  return new AppError('the connection ended in the middle', {
    code: 'session_cut',
    retryable: true,
    advice: 'Run the command again: what was acknowledged is not sent a second time.',
  });
}

/** Why a message could not be sent: when the other end gave up, its reason, whether the sender hears it here or as a reader. */
export function sendFailure(error: unknown): unknown {
  return isAppError(error, 'channel_closed') && isAppError(error.cause) ? error.cause : error;
}

/** It is the other end's turn, and it does nothing: trying again resumes. */
export function sessionStalled(): AppError {
  return new AppError(`the other end of a transfer has done nothing for ${stallMs / 1000} seconds`, {
    code: 'session_stalled',
    retryable: true,
    advice: 'Nothing to do: it is tried again. If it goes on, look at the other site: its disk may hang.',
  });
}
