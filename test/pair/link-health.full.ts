import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemTimers } from '#runtime';
import { pairSites, TestSite, testFolder } from '../kit/test-site.ts';

/** A cause is named within 10 s of its beginning; twice that, for a machine that has other things to do. */
const looksMax = 80;

async function untilNamed(site: TestSite, cause: string) {
  for (let looks = 0; ; looks++) {
    const [health] = await site.api.call('linkHealth', {});
    if (health?.cause === cause) return health;
    assert.ok(looks < looksMax, `${cause} was not named: ${JSON.stringify(health)}`);
    await systemTimers.sleep(250);
  }
}

test('nothing to send, a limit, a pause and a dead peer are named one after the other, and stay in the history', async () => {
  using root = testFolder('health');
  await using north = await TestSite.init(root.path, 'north');
  await using south = await TestSite.init(root.path, 'south');
  const address = await north.serve();
  await south.serve();
  await pairSites(north, south, address);
  const quiet = await untilNamed(north, 'nothing_to_send');
  assert.deepEqual([quiet.link, quiet.backlog.snapshots, quiet.stalledSeconds], ['up', 0, 0]);

  await north.ok('link', 'limit', 'south', '4', 'Mbit/s');
  const files = join(root.path, 'files');
  mkdirSync(files);
  writeFileSync(join(files, 'noise'), randomBytes(30_000_000));
  await north.ok('backup', files, '--dataset', 'noise');
  const limited = await untilNamed(north, 'limit');
  assert.equal(limited.limitBytesPerSecond, 500_000);
  assert.match(
    (await north.run('link', 'status')).stdout,
    /south lacks 1 snapshot; .* held back by the limit in force\./,
  );
  assert.equal(limited.lags[0]?.held, undefined);

  await north.ok('link', 'pause');
  await untilNamed(north, 'window_closed');
  await north.ok('link', 'resume');
  await untilNamed(north, 'limit');

  await south.kill();
  const gone = await untilNamed(north, 'peer_unreachable');
  assert.equal(gone.link, 'down');
  assert.equal((await north.run('link', 'status')).code, 3);
  await north.stop();

  await north.serve();
  const { points } = await north.api.call('linkHistory', { peer: 'south', sinceSeconds: 600 });
  const sum = (field: string) => points.reduce((total, { counts }) => total + (counts[field] ?? 0), 0);
  assert.ok(sum('cause:limit') > 0 && sum('cause:window_closed') > 0 && sum('cause:nothing_to_send') > 0);
  assert.ok(sum('cuts') >= 1);
  assert.ok(sum('sentBytes') > 500_000);
});
