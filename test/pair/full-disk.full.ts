import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { isRoot } from '../kit/corpus.ts';
import { writeSeededFile } from '../kit/seeded-file.ts';
import { pairSites, TestSite, testFolder, untilHeldBy } from '../kit/test-site.ts';

const needsRoot = !isRoot() && 'needs root, to mount a small file system';
const roomBytes = 160_000_000;
const dataBytes = 48_000_000;

/** A file system of its own for one site's state, as small as a test can fill. */
function smallDisk(path: string): {
  readonly path: string;
  readonly freeBytes: () => number;
  [Symbol.dispose](): void;
} {
  mkdirSync(path);
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${roomBytes}`, 'sitepair-test', path]);
  assert.equal(mounted.status, 0, mounted.stderr.toString());
  return {
    path,
    freeBytes: () => statfsSync(path).bavail * statfsSync(path).bsize,
    [Symbol.dispose]: () => spawnSync('umount', ['--lazy', path]),
  };
}

/** Something else takes all but so much of the disk; returns what gives it back. */
function fillUp(disk: ReturnType<typeof smallDisk>, leaveBytes: number): () => void {
  const ballast = join(disk.path, 'ballast');
  writeFileSync(ballast, Buffer.alloc(Math.max(0, disk.freeBytes() - leaveBytes)));
  return () => rmSync(ballast);
}

function makeTree(folder: string, files: number, seed: number): string {
  mkdirSync(folder, { recursive: true });
  for (let i = 0; i < files; i++) writeSeededFile(join(folder, `${seed}-${i}`), dataBytes / files, seed * 100 + i);
  return folder;
}

let restores = 0;
async function assertRestores(site: TestSite, reference: string, tree: string, file: string): Promise<void> {
  const target = `${tree}-restored-${restores++}`;
  await site.ok('restore', reference, '--to', target);
  assert.ok(readFileSync(join(target, file)).equals(readFileSync(join(tree, file))));
  rmSync(target, { recursive: true });
}

test('a disk that fills up during a backup: one error that says what to do, nothing lost, and with room the same command goes on', {
  skip: needsRoot,
}, async () => {
  using root = testFolder('full-backup');
  using disk = smallDisk(join(root.path, 'disk'));
  await using north = await TestSite.init(disk.path, 'north');
  await north.serve();
  const [first, second] = [makeTree(join(root.path, 'first'), 4, 1), makeTree(join(root.path, 'second'), 4, 2)];
  await north.ok('backup', first, '--dataset', 'first');
  const freeUp = fillUp(disk, dataBytes / 2);

  const command = ['backup', second, '--dataset', 'second'];
  for (let time = 1; time <= 2; time++) {
    const error = await north.failure(...command);
    assert.equal(error.code, 'volume_full', JSON.stringify(error));
    assert.match(error.advice, /[Ff]ree space/);
  }
  assert.match((await north.ok('store', 'check')).stdout, /everything fits/);
  await assertRestores(north, 'first@latest', first, '1-2');
  assert.equal(await north.failureCode('ls', 'second@latest'), 'snapshot_unknown');

  freeUp();
  await north.ok(...command);
  await assertRestores(north, 'second@latest', second, '2-3');
  assert.match((await north.ok('store', 'check')).stdout, /everything fits/);
  assert.match((await north.ok('scrub')).stdout, /all of it is good/);
});

test("a peer's disk that fills up during replication: the sender is told what is full and where, nothing lost, and with room the same command goes on", {
  skip: needsRoot,
}, async () => {
  using root = testFolder('full-replication');
  using disk = smallDisk(join(root.path, 'disk'));
  await using north = await TestSite.init(root.path, 'north');
  await using south = await TestSite.init(disk.path, 'south');
  const address = await north.serve();
  await south.serve();
  const [first, second] = [makeTree(join(root.path, 'first'), 4, 1), makeTree(join(root.path, 'second'), 4, 2)];
  await pairSites(north, south, address);
  await north.ok('backup', first, '--dataset', 'first');
  await north.ok('replicate');
  const freeUp = fillUp(disk, dataBytes / 2);

  await north.ok('backup', second, '--dataset', 'second');
  const error = await north.failure('replicate');
  assert.match(error.code, /volume_full/, JSON.stringify(error));
  assert.match(`${error.detail} ${error.advice}`, /south/, JSON.stringify(error));
  assert.match(error.advice, /[Ff]ree space/);
  assert.match(south.log(), /volume_full|no space left/);
  assert.match((await south.ok('store', 'check')).stdout, /everything fits/);
  await assertRestores(south, 'north/first@latest', first, '1-2');

  freeUp();
  await north.ok('replicate');
  await untilHeldBy(south, 2);
  await assertRestores(south, 'north/second@latest', second, '2-3');
  for (const site of [north, south]) {
    assert.match((await site.ok('store', 'check')).stdout, /everything fits/);
    assert.match((await site.ok('scrub')).stdout, /all of it is good/);
  }
});
