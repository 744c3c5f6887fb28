import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AppError, isAppError } from '#runtime';
import type { LinkTestView } from '../../apps/sitepair/appliance/link-test-view.ts';
import { pairSites, TestSite, testFolder, until } from '../kit/test-site.ts';

const limitBytesPerSecond = 40e6 / 8;

test('a test of the line fills the limit and not one bit more, tells what held it, and one peer has one at a time', async () => {
  using root = testFolder('link-test');
  await using north = await TestSite.init(root.path, 'north');
  await using south = await TestSite.init(root.path, 'south');
  const address = await north.serve();
  await south.serve();
  await pairSites(north, south, address);
  await north.ok('link', 'limit', 'south', '40', 'Mbit/s');

  const testing = north.json<LinkTestView>('link', 'test', 'south');
  const [result] = await Promise.all([testing, busyTest(north)]);
  assert.equal(result.limitBytesPerSecond, limitBytesPerSecond);
  const share = result.capacityBytesPerSecond / limitBytesPerSecond;
  assert.ok(share >= 0.9 && share <= 1.03, `${share} of the limit`);
  assert.ok(result.heldByLimit && result.payloadBytesPerSecond <= result.capacityBytesPerSecond);
  assert.ok(result.roundTripIdleMs !== undefined && result.roundTripLoadedMs !== undefined);
  assert.ok(result.packetBytesMax !== undefined && result.packetBytesMax > 1500, 'loopback takes large packets');
  assert.ok(result.resentPercent !== undefined && result.resentPercent < 5);

  // One that is stopped leaves nothing behind at the peer: the next one begins at once.
  await stoppedTest(north);
  await until(
    () =>
      stoppedTest(north).then(
        () => true,
        (error: unknown) => !isAppError(error, 'line_test_busy'),
      ),
    'the peer to be free again',
  );

  await north.ok('link', 'pause');
  assert.equal(await north.failureCode('link', 'test', 'south'), 'link_paused');
  // There is one peer: it need not be named.
  await north.ok('link', 'history', '--since', '30s');
});

/** Stops as soon as the line carries something of it. */
async function stoppedTest(site: TestSite): Promise<void> {
  const stop = new AbortController();
  const onProgress = ({ doneBytes }: { readonly doneBytes: number }) => {
    if (doneBytes > 0) stop.abort(new AppError('enough', { code: 'interrupted', advice: '' }));
  };
  const run = site.api.run('linkTest', { peer: 'south' }, { signal: stop.signal, onProgress });
  await assert.rejects(run, (error) => {
    if (!isAppError(error, 'interrupted')) throw error;
    return true;
  });
}

/** A second one, once the first one runs. */
async function busyTest(site: TestSite): Promise<void> {
  for (;;) {
    const [health] = await site.api.call('linkHealth', {});
    const [interactive] = health?.classes.filter(({ trafficClass }) => trafficClass === 'interactive') ?? [];
    if (interactive !== undefined && interactive.bytesPerSecond > 100_000) break;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.equal(await site.failureCode('link', 'test', 'south'), 'line_test_busy');
}
