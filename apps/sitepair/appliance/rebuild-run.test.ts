import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAppError } from '#runtime';
import { rebuildRun } from './rebuild-run.ts';

test('what fails on a link of a rebuild ends the rebuild with a typed error, and not the process', () => {
  const { signal, onHandlerError } = rebuildRun({ signal: new AbortController().signal, progress: () => undefined });
  const cause = new TypeError('x is not a function');
  onHandlerError(cause, 'pair');
  assert.ok(isAppError(signal.reason, 'rebuild_failed'));
  assert.equal(signal.reason.cause, cause);
});

test('cancelling a rebuild keeps its own reason', () => {
  const wish = new AbortController();
  const { signal } = rebuildRun({ signal: wish.signal, progress: () => undefined });
  const reason = new Error('enough');
  wish.abort(reason);
  assert.equal(signal.reason, reason);
});
