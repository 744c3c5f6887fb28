import { AppError, isAppError } from '#runtime';

/** An error as the API and `--json` tell it: RFC 9457, with what scripts and people need besides. */
export interface Problem {
  /** A URI that names the kind of error: `code` behind a fixed prefix. */
  readonly type: string;
  /** The code in words. */
  readonly title: string;
  /** The HTTP status. */
  readonly status: number;
  /** Stable, lower_snake_case. */
  readonly code: string;
  /** What happened. */
  readonly detail: string;
  /** What it came from, outermost first; empty when `detail` is all there is. */
  readonly why: string;
  /** What to do now. */
  readonly advice: string;
  /** Whether the same request may succeed later without anybody changing anything. */
  readonly retryable: boolean;
  readonly details: Readonly<Record<string, unknown>>;
}

export const problemContentType = 'application/problem+json';

// A chain of causes longer than this says nothing new.
const causesMax = 5;

/** Anything thrown as a problem. What is no AppError is a bug of ours and becomes `internal`. */
export function toProblem(thrown: unknown): Problem {
  // What failed first says more than what failed because of it while things were closed.
  const error = thrown instanceof SuppressedError ? thrown.suppressed : thrown;
  const known = isAppError(error) ? error : internalError(error);
  return {
    type: `urn:sitepair:error:${known.code}`,
    title: known.code.replaceAll('_', ' '),
    status: statusOf(known),
    code: known.code,
    detail: known.message,
    why: whyOf(known),
    advice: known.advice,
    retryable: known.retryable,
    details: { ...known.details },
  };
}

/** The AppError that a problem tells of; the causes come back as one. */
export function fromProblem(problem: Problem): AppError {
  return new AppError(problem.detail, {
    code: problem.code,
    advice: problem.advice,
    retryable: problem.retryable,
    details: problem.details,
    ...(problem.why === '' ? {} : { cause: new Error(problem.why) }),
  });
}

/** The messages of an error's causes, outermost first. */
function whyOf(error: Error): string {
  const messages: string[] = [];
  for (let cause = error.cause; cause instanceof Error && messages.length < causesMax; cause = cause.cause) {
    if (cause.message !== '' && cause.message !== messages.at(-1)) messages.push(cause.message);
  }
  return messages.join(': ');
}

/** A failure that nobody foresaw, as an error that says so. */
function internalError(cause: unknown): AppError {
  return new AppError('Sitepair failed in a way that it does not know', {
    code: 'internal',
    advice: 'Report it with what you did, and with what --verbose prints.',
    cause: cause instanceof Error ? cause : new Error(String(cause)),
  });
}

function statusOf(error: AppError): number {
  const { code } = error;
  if (code === 'internal') return 500;
  if (code.startsWith('bad_') || code.startsWith('malformed_')) return 400;
  if (code.endsWith('_unknown') || code.startsWith('unknown_')) return 404;
  if (error.retryable) return 503;
  return 409;
}
