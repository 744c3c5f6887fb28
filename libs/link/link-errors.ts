import { AppError } from '#runtime';

/** The other end broke the protocol, or a bug did: the connection is closed, both ends are told. */
export function protocolViolation(message: string, cause?: unknown): AppError {
  return new AppError(message, {
    code: 'protocol_violation',
    cause,
    advice: 'Check that both sites run a released version of Sitepair; report this if they do.',
  });
}

/** The handshake did not prove who the other end is. Says no more, because whoever it was may be listening. */
export function handshakeFailed(message: string, cause?: unknown): AppError {
  return new AppError(message, {
    code: 'handshake_failed',
    advice: 'Check that the address belongs to the paired site; pair again if either site was rebuilt.',
    cause,
  });
}

/** A connection ended under its channels; the keeper is already dialling again. */
export function connectionLost(why: string, cause?: unknown): AppError {
  return new AppError(`the connection was lost: ${why}`, {
    cause,
    code: 'connection_lost',
    retryable: true,
    advice: 'Wait: the link is dialled again by itself and the work resumes.',
  });
}

/** No frame came for too long, so the other end or the line is gone. */
export function linkSilent(silentMs: number): AppError {
  return new AppError(`the other end has been silent for ${Math.round(silentMs / 1000)} s`, {
    code: 'link_silent',
    retryable: true,
    advice: 'Check the line between the sites; the link is dialled again by itself.',
  });
}

/** A channel was used after its end, or the other end aborted it while a send was waiting. */
export class ChannelClosedError extends AppError {
  constructor(message: string, cause?: unknown) {
    super(message, {
      code: 'channel_closed',
      retryable: cause instanceof AppError ? cause.retryable : false,
      advice: 'See the cause for what ended the exchange.',
      cause,
    });
  }
}

/** This end speaks at most `ours`, the other end at least `theirs`. */
export function versionTooOld(ours: number, theirs: number): AppError {
  return new AppError(`the other site speaks link protocol ${theirs} or newer, this one ${ours} at most`, {
    code: 'version_too_old',
    advice: 'Upgrade Sitepair on this site.',
    details: { ours, theirs },
  });
}

/** This end speaks at least `ours`, the other end at most `theirs`. */
export function versionTooNew(ours: number, theirs: number): AppError {
  return new AppError(`the other site speaks link protocol ${theirs} at most, this one ${ours} or newer`, {
    code: 'version_too_new',
    advice: 'Upgrade Sitepair on the other site.',
    details: { ours, theirs },
  });
}

/** An ordinary end that somebody asked for: shutdown, a pause, a newer link in place of this one. */
export function linkClosed(message: string, code = 'link_closed'): AppError {
  return new AppError(message, {
    code,
    retryable: true,
    advice: 'Nothing to do: the link returns when both sites want it.',
  });
}

/** Who came through a door stayed longer than saying who they are takes. */
export function doorTimedOut(): AppError {
  return new AppError('nothing came of this introduction in time', {
    code: 'door_timed_out',
    retryable: true,
    advice: 'Run the command again; if it happens again, check the line between the sites.',
  });
}
