import { AppError } from '#runtime';
import type { Terminal } from './terminal.ts';

/** The wish to stop, while long work runs; dispose of it when the work has ended. */
export interface Interrupt extends Disposable {
  readonly signal: AbortSignal;
}

/**
 * The first Ctrl-C (or SIGTERM) aborts the signal, so that the work stops in good order; the second one ends the process.
 * `kept` says what becomes of the work done: it is the advice of the error.
 */
export function catchInterrupt(terminal: Terminal, kept: string): Interrupt {
  const controller = new AbortController();
  const onSignal = (signal: NodeJS.Signals) => {
    if (controller.signal.aborted) {
      stopListening();
      process.kill(process.pid, signal);
      return;
    }
    terminal.err(`${terminal.errIsTty ? '\r\x1b[K' : ''}Stopping in good order; once more stops at once.\n`);
    controller.abort(interrupted(kept));
  };
  const stopListening = () => process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  return { signal: controller.signal, [Symbol.dispose]: stopListening };
}

function interrupted(kept: string): AppError {
  return new AppError('stopped as asked, before the end', { code: 'interrupted', retryable: true, advice: kept });
}
