import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Catalog } from '#catalog';
import { asId } from '#model';
import { systemClock } from '#runtime';
import type { KnownLosses } from './known-losses.ts';
import { SnapshotBook } from './snapshot-book.ts';

const siteId = asId('SiteId', new Uint8Array(16));
const snapshotId = asId('SnapshotId', new Uint8Array(20));

function bookWithCopyAt(where: string): SnapshotBook {
  const views = { copiesOf: () => [{ siteId, snapshotId, where }] };
  return new SnapshotBook({
    catalog: { views } as unknown as Catalog,
    siteName: () => 'north',
    siteId,
    clock: systemClock,
    losses: { any: false } as KnownLosses,
    onCopy: () => undefined,
  });
}

test('a site holds what is in its store; a copy on a tape of its own lets nothing be skipped', () => {
  assert.ok(bookWithCopyAt('store').holds(snapshotId));
  assert.ok(!bookWithCopyAt('tape-7').holds(snapshotId));
  assert.ok(!bookWithCopyAt('tape-7').mayBeBase(snapshotId));
});
