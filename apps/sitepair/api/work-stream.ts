import { Readable } from 'node:stream';
import type { Clock, Timer, Timers } from '#runtime';
import type { Progress, Run } from '../appliance/operations.ts';
import { toProblem } from './problem.ts';

// Enough for a line that people watch; a store that checks 100,000 records a second must not talk about each.
const progressIntervalMs = 200;

export interface WorkStreamOptions {
  readonly clock: Clock;
  readonly timers: Timers;
  /** Asks the work to stop. */
  readonly signal: AbortSignal;
  readonly onError: (error: unknown) => void;
}

/** Runs `work` and gives its lines: at most 5 a second of progress, always the newest, then the result or the error. */
export function workStream(work: (run: Run) => Promise<unknown>, options: WorkStreamOptions): Readable {
  const { clock, timers, signal } = options;
  const stream = new Readable({ read: () => undefined });
  let newest: Progress | undefined;
  let timer: Timer | undefined;
  let lastMs = Number.NEGATIVE_INFINITY;
  let finished = false;

  const write = (line: object) => {
    if (!stream.destroyed) stream.push(`${JSON.stringify(line)}\n`);
  };
  const flush = () => {
    timer = undefined;
    if (newest === undefined) return;
    lastMs = clock.monotonicMs();
    // A client that does not read gets fewer lines, not a longer queue.
    if (stream.readableLength < 64 * 1024) write({ progress: newest });
    newest = undefined;
  };
  const progress = (now: Progress) => {
    if (finished) return;
    newest = now;
    timer ??= timers.after(Math.max(0, lastMs + progressIntervalMs - clock.monotonicMs()), flush);
  };
  const finish = (line: object) => {
    finished = true;
    timer?.cancel();
    flush();
    write(line);
    if (!stream.destroyed) stream.push(null);
  };

  Promise.try(work, { signal, progress }).then(
    (result) => finish({ result }),
    (error) => {
      options.onError(error);
      finish({ error: toProblem(error) });
    },
  );
  return stream;
}
