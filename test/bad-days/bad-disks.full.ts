import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemTimers } from '#runtime';
import { buildShim, type ShimTask, shimEnvironment, whyNoShim } from '../faults/shim.ts';
import { writeTree } from '../hostile/hostile-world.ts';
import { type Environment, TestSite, testFolder } from '../kit/test-site.ts';

const skip = whyNoShim();

/** What a process runs with whose disk does as it is told. */
function disk(library: string, task: ShimTask): Environment {
  const all = Object.entries(shimEnvironment(library, task));
  return Object.fromEntries(all.filter((one): one is [string, string] => one[1] !== undefined));
}

test('a disk that hangs for six seconds holds up a backup and nothing else, and the backup is whole', {
  skip,
}, async () => {
  using root = testFolder('hanging');
  const library = buildShim(root.path);
  await using north = await TestSite.init(root.path, 'north');
  const tree = writeTree(join(root.path, 'tree'), 'hanging');
  for (const call of ['fdatasync', 'pwritev']) {
    const told = join(root.path, `told-${call}`);
    north.environment = disk(library, { root: join(north.state, 'packs'), hang: `${call}:2:6`, told });
    await north.serve();
    north.environment = {};
    const backup = north.ok('backup', writeTree(tree, call), '--dataset', 'tree');
    for (let tries = 0; !existsSync(told); tries++) {
      assert.ok(tries < 2000, `the ${call} that hangs was not reached`);
      await systemTimers.sleep(5);
    }
    let isOver = false;
    const over = backup.finally(() => {
      isOver = true;
    });
    for (let asked = 0; asked < 2; asked++) await north.ok('snapshots');
    assert.equal(isOver, false, 'the appliance answers while its disk hangs');
    await over;
    await north.stop();
  }
  await north.ok('restore', 'tree@latest', '--to', join(root.path, 'back'));
  assert.match(readFileSync(join(root.path, 'back', 'file-0'), 'utf8'), /^pwritev 0/);
});

/** Runs a command with its Nth read failing: it does its work, or tells one error; false when it has no Nth read. */
async function survivesRead(
  site: TestSite,
  library: string,
  command: readonly string[],
  nth: number,
): Promise<boolean> {
  const told = `${site.state}-told-${nth}-${command[0]}`;
  site.environment = disk(library, { root: site.state, fail: `read:${nth}:5:once`, told });
  const { code, stdout, stderr } = await site.run(...command, '--json');
  site.environment = {};
  const said = `read ${nth} of "${command.join(' ')}" failed: ${code}\n${stdout}${stderr}`;
  assert.ok(code === 0 || code === 1 || code === 3, said);
  assert.doesNotMatch(said, /"code":\s*"internal"|\n\s+at (?:async )?\S+ \(|node:internal/, said);
  if (code === 1) assert.match(said, /"advice"|"findings"/, said);
  return existsSync(told);
}

// FAULTS_EVERY=1 tries every read; a sample otherwise, for each command takes a process.
const every = Number(process.env.FAULTS_EVERY ?? 15);

test('a read that fails once, anywhere in a command: done all the same, or one error that says what to do', {
  skip,
}, async (t) => {
  using root = testFolder('bad-reads');
  const library = buildShim(root.path);
  await using north = await TestSite.init(root.path, 'north');
  const tree = writeTree(join(root.path, 'tree'), 'reads');
  await north.ok('backup', tree, '--dataset', 'tree');
  const back = (n: number) => join(root.path, `back-${n}`);
  const commands: ((n: number) => string[])[] = [
    () => ['snapshots'],
    (n) => ['restore', 'tree@latest', '--to', back(n)],
    () => ['backup', tree, '--dataset', 'tree'],
    () => ['store', 'check'],
    () => ['scrub'],
    () => ['store', 'reindex'],
  ];
  let tried = 0;
  for (const [i, command] of commands.entries()) {
    // Each command begins at another read, so that a sample is of all.
    for (let nth = 1 + i * (every > 1 ? 2 : 0); await survivesRead(north, library, command(nth), nth); nth += every)
      tried += 1;
  }
  t.diagnostic(`${tried} reads failed`);
  await north.ok('restore', 'tree@latest', '--to', back(0));
  assert.match(readFileSync(join(back(0), 'file-0'), 'utf8'), /^reads 0/);
  assert.match((await north.ok('store', 'check')).stdout, /everything fits/);
});
