import { test } from 'node:test';
import { strangersAtTheDoor } from './strangers.ts';

test('10,000 half-open connections take a bounded number of files and memory, and keep no peer out', async (context) => {
  context.diagnostic(await strangersAtTheDoor(10_000, 3000));
});
