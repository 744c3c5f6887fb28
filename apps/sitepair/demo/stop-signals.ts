import { AppError } from '#runtime';

/** The wish to stop: Ctrl-C, a closed terminal, SIGTERM. Dispose of it last. */
export interface StopSignals extends Disposable {
  readonly signal: AbortSignal;
}

/**
 * Turns signals into an abort. Unlike other commands, the demo does not end at once on the second one: `npm run` passes
 * each Ctrl-C on a second time, and two processes and a folder would be left behind.
 */
export function catchStopSignals(): StopSignals {
  const controller = new AbortController();
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  const onSignal = () => controller.abort(stopped());
  for (const name of names) process.on(name, onSignal);
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      for (const name of names) process.off(name, onSignal);
    },
  };
}

function stopped(): AppError {
  return new AppError('the demo was stopped before its end', {
    code: 'interrupted',
    retryable: true,
    advice: 'Nothing of it is left behind; run it again whenever you like.',
  });
}
