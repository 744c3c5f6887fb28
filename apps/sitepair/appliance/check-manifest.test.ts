import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DatasetId, Manifest, SiteId } from '#model';
import { isAppError } from '#runtime';
import { checkManifest } from './check-manifest.ts';

const target = { siteId: new Uint8Array(16).fill(1) as SiteId, datasetId: new Uint8Array(16).fill(2) as DatasetId };
const totals = { files: 1, directories: 1, others: 0, contentBytes: 5, changedWhileRead: 0, unreadable: 0 };
const times = { startedSeconds: 1_700_000_000, startedNanos: 5, finishedSeconds: 1_700_000_001, finishedNanos: 0 };
const good = { ...target, ...times, host: 'box', totals } as unknown as Manifest;

test('a manifest of its own dataset with readable figures is taken', () => {
  checkManifest(good, target);
});

const bad: readonly (readonly [string, Partial<Manifest>])[] = [
  ['of another dataset', { datasetId: new Uint8Array(16) }],
  ['of another site', { siteId: new Uint8Array(16) }],
  ['of a time that is no date', { startedSeconds: 9e15 }],
  ['of a time before all', { finishedSeconds: -1 }],
  ['of too many nanoseconds', { startedNanos: 1_000_000_000 }],
  ['of a host without end', { host: 'x'.repeat(256) }],
  ['that counts beyond numbers', { totals: { ...totals, contentBytes: 2 ** 60 } }],
  ['without totals', { totals: null as never }],
];

for (const [what, change] of bad) {
  test(`a manifest ${what} is refused before the log has it`, () => {
    assert.throws(
      () => checkManifest({ ...good, ...change }, target),
      (error) => isAppError(error, 'manifest_refused'),
    );
  });
}
