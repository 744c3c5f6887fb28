import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { isAppError } from './app-error.ts';
import { readingState, readingStateAsync } from './read-failures.ts';

// The kernel answers a read at its beginning with EIO, as a bad sector does.
const unreadable = '/proc/self/mem';

test('a device that cannot read is told as that, with the file', async () => {
  const isTold = (error: unknown) =>
    isAppError(error, 'state_read_failed') && error.retryable && error.details.system === 'EIO';
  assert.throws(() => readingState(unreadable, () => readFileSync(unreadable)), isTold);
  await assert.rejects(
    readingStateAsync(unreadable, () => readFile(unreadable)),
    isTold,
  );
});

test('a file that is not there is no failure of the device', async () => {
  const nowhere = '/proc/self/nothing';
  assert.throws(() => readingState(nowhere, () => readFileSync(nowhere)), { code: 'ENOENT' });
  await assert.rejects(
    readingStateAsync(nowhere, () => readFile(nowhere)),
    { code: 'ENOENT' },
  );
});
