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

test('an exchange leaves no channel behind, whoever ends it and why', async () => {
  const ended = Promise.withResolvers<AppError>();
  const over: string[] = [];
  const full = new AppError('the disk is full', { code: 'catalog_write_failed', advice: 'Free space.' });
  const channel = (answer: () => Promise<undefined>) => ({
    send: async () => undefined,
    receive: answer,
    end: async () => void over.push('ended'),
    abort: ({ code }: AppError) => void over.push(code),
    [Symbol.asyncDispose]: async () => void over.push('let go'),
  });
  const answers = [async () => undefined, () => Promise.reject(full)];
  const open = async () => {
    const answer = answers.shift();
    if (answer !== undefined) return channel(answer);
    ended.resolve(full);
    throw full;
  };
  const timers: Timers = { ...systemTimers, sleep: async () => void (await new Promise(setImmediate)) };
  const link = { dialledByUs: true, closed: ended.promise, open } as unknown as Link;
  await followCatalog({ catalog: emptyCatalog, scope: undefined }, link, timers, () => undefined);
  assert.deepEqual(over, ['ended', 'let go', 'catalog_write_failed', 'let go']);
});

const emptyCatalog = {
  onChange: () => () => undefined,
  digest: () => new Uint8Array(32),
  chainHeads: () => [],
} as unknown as Catalog;
