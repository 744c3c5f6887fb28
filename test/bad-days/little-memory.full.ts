import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { isRoot } from '../kit/corpus.ts';
import { TestSite, testFolder } from '../kit/test-site.ts';

const megabyte = 1_048_576;

/** The folder of this process among the control groups of memory, and how a limit is called there; undefined without any. */
function memoryGroup(): { readonly folder: string; readonly limit: string } | undefined {
  const groups = readFileSync('/proc/self/cgroup', 'utf8').split('\n');
  const one = groups.find((line) => /^\d+:(?:\S*,)?memory(?:,\S*)?:/.test(line))?.split(':')[2];
  const places = [
    { folder: join('/sys/fs/cgroup/memory', one ?? ''), limit: 'memory.limit_in_bytes' },
    { folder: '/sys/fs/cgroup/memory', limit: 'memory.limit_in_bytes' },
    { folder: '/sys/fs/cgroup', limit: 'memory.max' },
  ];
  return places.find(({ folder, limit }) => {
    const probe = join(folder, `sitepair-probe-${process.pid}`);
    try {
      mkdirSync(probe);
    } catch {
      return false;
    }
    const isThere = existsSync(join(probe, limit));
    rmdirSync(probe);
    return isThere;
  });
}

/** What starts a process with so much memory and no more; the group goes with the last of them. */
function limited(bytes: number): { readonly launcher: string[]; [Symbol.dispose](): void } {
  const group = memoryGroup();
  assert.ok(group !== undefined);
  const folder = join(group.folder, `sitepair-test-${process.pid}-${bytes}`);
  mkdirSync(folder);
  writeFileSync(join(folder, group.limit), String(bytes));
  const enter = `echo $$ > '${join(folder, 'cgroup.procs')}'; exec "$@"`;
  return { launcher: ['sh', '-c', enter, 'sh'], [Symbol.dispose]: () => rmdirSync(folder) };
}

const needs = isRoot() && memoryGroup() !== undefined ? false : 'needs root and control groups of memory';

function bigTree(folder: string, megabytes: number): string {
  mkdirSync(folder, { recursive: true });
  for (let i = 0; i < megabytes / 16; i++) writeFileSync(join(folder, `file-${i}`), randomBytes(16 * megabyte));
  return folder;
}

test('an appliance in 512 MB takes in and gives back more than it has memory', { skip: needs }, async () => {
  using root = testFolder('memory');
  using memory = limited(512 * megabyte);
  await using north = await TestSite.init(root.path, 'north');
  const tree = bigTree(join(root.path, 'tree'), 576);
  north.launcher = memory.launcher;
  await north.serve();
  north.launcher = [];
  await north.ok('backup', tree, '--dataset', 'tree');
  await north.ok('restore', 'tree@latest', '--to', join(root.path, 'back'));
  assert.match((await north.ok('store', 'check')).stdout, /everything fits/);
  await north.stop();
});

test('an appliance that is killed for want of memory loses nothing and starts without help', {
  skip: needs,
}, async () => {
  using root = testFolder('out-of-memory');
  using memory = limited(110 * megabyte);
  await using north = await TestSite.init(root.path, 'north');
  const small = bigTree(join(root.path, 'small'), 16);
  await north.ok('backup', small, '--dataset', 'small');
  north.launcher = memory.launcher;
  await north.serve().catch(() => undefined);
  north.launcher = [];
  const big = bigTree(join(root.path, 'big'), 160);
  await north.run('backup', big, '--dataset', 'big', '--json');
  await north.kill();
  await north.ok('backup', big, '--dataset', 'big');
  await north.ok('restore', 'small@latest', '--to', join(root.path, 'back'));
  assert.match((await north.ok('store', 'check')).stdout, /everything fits/);
});
