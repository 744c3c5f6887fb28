import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { writeTree } from '../hostile/hostile-world.ts';
import { isRoot } from '../kit/corpus.ts';
import { programArguments, TestSite, testFolder } from '../kit/test-site.ts';

const needsRoot = !isRoot() && 'needs root, to mount a small file system';

/** A command line below `sh`, with what the shell sets before it: its exit code, and the error that it tells with --json. */
async function under(shell: string, ...args: readonly string[]) {
  const child = spawn('sh', ['-c', `${shell}; exec "$@"`, 'sh', ...programArguments(...args, '--json')]);
  const parts: string[] = [];
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (part: string) => {
      parts.push(part);
      // A serve that starts in spite of everything is stopped.
      if (part.includes('is up')) child.kill();
    });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, said: parts.join('') };
}

/** One typed error with advice, and no trace of a program that fell over. */
function assertTyped({ code, said }: Awaited<ReturnType<typeof under>>, wanted: RegExp): void {
  assert.equal(code, 1, said);
  assert.match(said, wanted);
  assert.doesNotMatch(said, /"code":\s*"internal"|at (?:async )?\S+ \(|node:internal/, said);
}

test('with room for 24 open files neither serve nor a backup falls over: one error says what to do', async () => {
  using root = testFolder('few-files');
  await using north = await TestSite.init(root.path, 'north');
  const tree = writeTree(join(root.path, 'tree'), 'few');
  for (const files of [24, 40, 64]) {
    for (const args of [['serve'], ['backup', tree, '--dataset', 'tree']]) {
      const outcome = await under(`ulimit -n ${files}`, ...args, '--state', north.state);
      if (outcome.code === 0 || outcome.code === null) continue;
      assertTyped(outcome, /"advice"/);
    }
  }
  await north.ok('backup', tree, '--dataset', 'tree');
  assert.match((await north.ok('store', 'check')).stdout, /everything fits/);
});

test('a state folder with a path far longer than a socket may have serves all the same', async () => {
  using root = testFolder('long-path');
  const deep = join(root.path, 'a folder with spaces: and more'.repeat(3), 'd'.repeat(120));
  mkdirSync(deep, { recursive: true });
  await using north = await TestSite.init(deep, 'north');
  await north.serve();
  await north.ok('backup', writeTree(join(root.path, 'tree'), 'long'), '--dataset', 'tree');
  await north.ok('restore', 'tree@latest', '--to', join(root.path, 'back'));
});

test('who may not read the state folder is told that, by every command', { skip: needsRoot }, async () => {
  using root = testFolder('forbidden');
  chmodSync(root.path, 0o755);
  await using north = await TestSite.init(root.path, 'north');
  await north.serve();
  const tree = writeTree(join(root.path, 'tree'), 'mine');
  for (const command of [['status'], ['serve'], ['backup', tree, '--dataset', 'tree'], ['snapshots']]) {
    const [node = '', ...program] = programArguments(...command, '--state', north.state, '--json');
    const result = spawnSync(node, program, { uid: 65_534, gid: 65_534 });
    assertTyped({ code: result.status, said: `${result.stdout}${result.stderr}` }, /state_forbidden/);
  }
});

/** A small file system in memory for one state. */
function smallDisk(path: string, megabytes: number) {
  mkdirSync(path);
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'sitepair-test', path]);
  assert.equal(mounted.status, 0, mounted.stderr.toString());
  return {
    remount: (how: 'ro' | 'rw') => assert.equal(spawnSync('mount', ['-o', `remount,${how}`, path]).status, 0),
    freeBytes: () => statfsSync(path).bavail * statfsSync(path).bsize,
    [Symbol.dispose]: () => spawnSync('umount', ['--lazy', path]),
  };
}

test('a file system that becomes read-only under a running appliance: refused in words, nothing lost, and it goes on after', {
  skip: needsRoot,
}, async () => {
  using root = testFolder('read-only');
  using disk = smallDisk(join(root.path, 'disk'), 64);
  await using north = await TestSite.init(join(root.path, 'disk'), 'north');
  await north.serve();
  const tree = writeTree(join(root.path, 'tree'), 'before');
  await north.ok('backup', tree, '--dataset', 'tree');
  // What is open for writing keeps a file system writable: as an error of the disk would, it is taken away by force.
  const remounted = spawnSync('mount', ['-o', 'remount,ro', join(root.path, 'disk')]);
  if (remounted.status !== 0) await north.stop();
  if (remounted.status !== 0) disk.remount('ro');
  const refused = await north.run('backup', writeTree(tree, 'while read-only'), '--dataset', 'tree', '--json');
  assertTyped({ code: refused.code, said: `${refused.stdout}${refused.stderr}` }, /"advice"/);
  disk.remount('rw');
  await north.stop();
  await north.serve();
  await north.ok('restore', 'tree@latest', '--to', join(root.path, 'back'));
  await north.ok('backup', tree, '--dataset', 'tree');
  assert.match((await north.ok('store', 'check')).stdout, /everything fits/);
});

test('a disk that is full when the appliance starts: it starts or says why, and restores what there is', {
  skip: needsRoot,
}, async () => {
  using root = testFolder('full-start');
  using disk = smallDisk(join(root.path, 'disk'), 48);
  await using north = await TestSite.init(join(root.path, 'disk'), 'north');
  const tree = writeTree(join(root.path, 'tree'), 'before');
  await north.ok('backup', tree, '--dataset', 'tree');
  const ballast = join(root.path, 'disk', 'ballast');
  writeFileSync(ballast, Buffer.alloc(disk.freeBytes()));
  const back = join(root.path, 'back');
  const restored = await north.run('restore', 'tree@latest', '--to', back, '--json');
  if (restored.code !== 0)
    assertTyped({ code: restored.code, said: `${restored.stdout}${restored.stderr}` }, /"advice"/);
  const refused = await north.run('backup', writeTree(tree, 'no room'), '--dataset', 'tree', '--json');
  assertTyped({ code: refused.code, said: `${refused.stdout}${refused.stderr}` }, /"advice"/);
  rmSync(ballast);
  rmSync(back, { recursive: true, force: true });
  await north.ok('restore', 'tree@latest', '--to', back);
  assert.match(readFileSync(join(back, 'file-0'), 'utf8'), /^before 0/);
  await north.ok('backup', tree, '--dataset', 'tree');
});
