/** What an error says besides its message: a stable code, whether trying again helps, and what the user should do now. */
export interface AppErrorOptions {
  /** Stable, lower_snake_case: scripts and peers rely on it. */
  readonly code: string;
  /** True when the same call may succeed later without anybody changing anything. */
  readonly retryable?: boolean;
  /** One imperative sentence for the user: what to do now. */
  readonly advice: string;
  /** Facts for logs and `--json`; never secrets. */
  readonly details?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

/** The one error type that crosses a library's door: what happened (message), why (cause), what to do now (advice). */
export class AppError extends Error {
  readonly code: string;
  readonly retryable: boolean;
  readonly advice: string;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(message: string, options: AppErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = options.code;
    this.retryable = options.retryable ?? false;
    this.advice = options.advice;
    this.details = options.details ?? {};
  }
}

/** True when `error` is an AppError, optionally of this code. */
export function isAppError(error: unknown, code?: string): error is AppError {
  return error instanceof AppError && (code === undefined || error.code === code);
}

/** The `code` of a system error ('ENOENT'), or undefined when `error` is not one. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
