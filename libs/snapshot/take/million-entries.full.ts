import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { closeFd, currentFolder, mknodAt, openAt, openFlag } from '#posix';
import { isRoot } from '../../../test/kit/corpus.ts';
import { SnapshotLab } from '../../../test/kit/snapshot-lab.ts';
import { entryAt } from '../index.ts';

const count = 1_000_000;

test('a folder of a million entries comes back, in little memory, and one change in it sends kilobytes', async () => {
  using lab = new SnapshotLab();
  const place = lab.makeFolder('place');
  // In memory where that is allowed: the file system is not what is tried here.
  const isMounted = isRoot() && spawnSync('mount', ['-t', 'tmpfs', 'none', place]).status === 0;
  try {
    await tryMillion(lab, place);
  } finally {
    if (isMounted) execFileSync('umount', [place]);
  }
});

async function tryMillion(lab: SnapshotLab, place: string): Promise<void> {
  const data = join(place, 'data');
  mkdirSync(data);
  const fd = openAt(currentFolder, Buffer.from(data), openFlag.read | openFlag.directory);
  for (let i = 0; i < count; i++) mknodAt(fd, Buffer.from(`entry number ${i}`), 'fifo', 0o644);
  closeFd(fd);
  const first = await lab.take(data);
  assert.equal(first.totals.others, count);
  writeFileSync(join(data, 'entry number 500000x'), 'new');
  const second = await lab.takeAfter(first);
  console.log(`one of ${count} entries: ${second.statistics.sentBytes} bytes sent`);
  assert.ok(second.statistics.sentBytes < 200_000);
  assert.equal((await entryAt(lab.store, second.manifest, Buffer.from('entry number 500000x')))?.size, 3);
  const report = await lab.restore(second, join(place, 'target'));
  assert.equal(report.others, count);
  assert.deepEqual(await lab.differences(data, join(place, 'target')), []);
  const peakBytes = process.resourceUsage().maxRSS * 1024;
  console.log(`peak memory: ${Math.round(peakBytes / 1_000_000)} MB, the store in memory included`);
  assert.ok(peakBytes < 900_000_000);
}
