import { test } from 'node:test';
import { killAtRandomMoments } from '../kit/kill-sites.ts';

test('nothing acknowledged is missing after SIGKILL at 50 moments', async (t) => {
  const seed = Math.floor(Date.now() / 1000);
  t.diagnostic(`seed ${seed}`);
  await killAtRandomMoments(50, seed);
});
