import { isAppError } from '#runtime';

/** How a scenario ended that did not do all it was to. */
export interface Failure {
  /** Nobody waited for it: it would have ended an appliance. */
  readonly isUncaught: boolean;
  /** Of the error and of all that it hid. */
  readonly errors: readonly { readonly isTyped: boolean; readonly isOwn: boolean; readonly told: string }[];
}

/** A line that `readFailure` finds again among others. */
export function failureLine(error: unknown, isUncaught: boolean): string {
  const errors = unfolded(error).map((one) => ({
    isTyped: isAppError(one),
    isOwn: one instanceof Error && isOfScenario(one),
    told: one instanceof Error ? String(one.stack) : String(one),
  }));
  return `scenario failed: ${JSON.stringify({ isUncaught, errors } satisfies Failure)}`;
}

/** What a process said of its end on its standard error; undefined when it said nothing. */
export function readFailure(stderr: string): Failure | undefined {
  // LMDB leaves its own words without an end of the line.
  const [, line] = stderr.match(/scenario failed: (.*)/) ?? [];
  return line === undefined ? undefined : (JSON.parse(line) as Failure);
}

/** True when it was the scenario's own call that failed, or its patience: nothing of Sitepair. */
function isOfScenario({ stack = '' }: Error): boolean {
  const [first = ''] = stack.split('\n').filter((line) => line.includes('file://'));
  return first.includes('/test/faults/scenarios/');
}

/** An error that came while another was on its way hides that one; each of both must be fit to be seen. */
function unfolded(error: unknown): unknown[] {
  if (error instanceof SuppressedError) return [...unfolded(error.error), ...unfolded(error.suppressed)];
  if (error instanceof AggregateError) return error.errors.flatMap(unfolded);
  return [error];
}
