import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Catalog } from '#catalog';
import type { Link } from '#link';
import { AppError, systemTimers, type Timers } from '#runtime';
import { followCatalog } from './follow-catalog.ts';

test('a peer that refuses the catalog is asked again ever more rarely, and at once after a good exchange', async () => {
  const ended = Promise.withResolvers<AppError>();
  const pauses: number[] = [];
  let onGood: () => void = () => undefined;
  const timers: Timers = {
    ...systemTimers,
    after(_delayMs, run) {
      onGood = run;
      return { cancel: () => undefined };
    },
    async sleep(delayMs) {
      pauses.push(delayMs);
      if (pauses.length === 12) ended.resolve(refused);
      // So that the end of the link is heard.
      await new Promise(setImmediate);
    },
  };
  const refused = new AppError('the disk is full', { code: 'catalog_write_failed', advice: 'Free space.' });
  const open = async () => {
    if (pauses.length === 9) onGood();
    throw refused;
  };
  const link = { dialledByUs: true, closed: ended.promise, open } as unknown as Link;
  await followCatalog({ catalog: {} as Catalog, scope: undefined }, link, timers, () => undefined);
  assert.deepEqual(pauses, [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000, 500, 1000, 2000]);
});
