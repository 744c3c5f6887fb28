/** What a failed system call says of itself. */
export interface PosixErrorFacts {
  readonly code: string;
  readonly errno: number;
  readonly text: string;
  readonly syscall: string;
  readonly path?: Uint8Array | undefined;
}

/**
 * A system call failed. `code` and `errno` are Node's ('ENOENT', -2), so that one switch serves `fs` and this library;
 * `path` holds the raw name bytes that were given to the call, when there were any.
 */
export class PosixError extends Error {
  readonly code: string;
  readonly errno: number;
  readonly syscall: string;
  readonly path: Uint8Array | undefined;

  constructor({ code, errno, text, syscall, path }: PosixErrorFacts) {
    // JSON quoting keeps a name with control characters from reaching a terminal or splitting a log line.
    const name = path === undefined ? '' : ` ${JSON.stringify(Buffer.from(path).toString())}`;
    super(`${code}: ${text}, ${syscall}${name}`);
    this.name = 'PosixError';
    this.code = code;
    this.errno = errno;
    this.syscall = syscall;
    this.path = path?.slice();
  }
}

/** True when `error` is a PosixError, optionally with one of these codes. */
export function isPosixError(error: unknown, ...codes: readonly string[]): error is PosixError {
  return error instanceof PosixError && (codes.length === 0 || codes.includes(error.code));
}
