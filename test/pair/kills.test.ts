import { test } from 'node:test';
import { killAtRandomMoments } from '../kit/kill-sites.ts';

test('nothing acknowledged is missing after SIGKILL of sender and receiver at 3 moments of backups and replications', async () => {
  await killAtRandomMoments(3, 20_261_124);
});
