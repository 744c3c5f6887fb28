import { AppError } from '#runtime';

export function historyWriteFailed(cause: unknown): AppError {
  return new AppError('the health history of the links could not be written', {
    code: 'health_write_failed',
    retryable: true,
    advice: 'Look at the disk of the state folder: it may be full, read-only or failing. The links go on without it.',
    cause,
  });
}
