import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { AppError } from '#runtime';
import { compareTrees } from '#snapshot';
import { memoryAppliance } from '../testing/memory-appliance.ts';
import { type CommandRun, runCommand, startCommand } from '../testing/run-command.ts';
import { type ServedApi, serveApi } from '../testing/served-api.ts';

const site = memoryAppliance();
let served: ServedApi;
let folder: string;
const at = (...names: readonly string[]) => join(folder, ...names);
const run = (...args: readonly string[]) => runCommand(...args, '--state', served.stateFolder);
const start = (...args: readonly string[]) => startCommand([...args, '--state', served.stateFolder]);

before(async () => {
  served = await serveApi(site.operations);
  folder = mkdtempSync(join(tmpdir(), 'sitepair-flows-'));
  mkdirSync(at('source/deep/er'), { recursive: true });
  writeFileSync(at('source/small.txt'), 'one line\n');
  writeFileSync(at('source/deep/large.bin'), randomBytes(3_000_000));
  writeFileSync(at('source/deep/skip.iso'), 'left out');
  symlinkSync('../small.txt', at('source/deep/link'));
});

after(async () => {
  await served[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

function json(ran: CommandRun) {
  assert.equal(ran.stderr, '');
  return JSON.parse(ran.stdout);
}

test('what was backed up comes back the same, and is told in figures', async () => {
  const backup = await run('backup', at('source'), '--dataset', 'docs');
  assert.deepEqual([backup.status, backup.stderr], [0, '']);
  assert.match(
    backup.stdout,
    /^Snapshot north\/docs@.* \([0-9a-f]{10}\)\n {2}3 files in 3 folders, 3\.00 MB; 0 files unchanged\n/,
  );
  const restored = await run('restore', 'docs@latest', '--to', at('restored'));
  assert.deepEqual([restored.status, restored.stderr], [0, '']);
  assert.match(restored.stdout, /^Restored north\/docs@.*: 3 files in \d folders, 3\.00 MB, in /);
  assert.deepEqual((await compareTrees(Buffer.from(at('source')), Buffer.from(at('restored')))).differences, []);
});

test('an unchanged file is not sent again, an excluded one not at all', async () => {
  // Files that were made just now count as changed lately, until their clock tick is over.
  await new Promise((resolve) => setTimeout(resolve, 3300));
  await run('backup', at('source'), '--dataset', 'docs');
  appendFileSync(at('source/small.txt'), 'another\n');
  const second = json(await run('backup', at('source'), '--dataset', 'docs', '--exclude', '*.iso', '--json'));
  assert.equal(second.totals.files, 2);
  assert.equal(second.statistics.filesReused, 1);
  assert.ok(second.sentBytes < 10_000);
  assert.equal(second.snapshot.dataset, 'docs');
  assert.deepEqual(second.problems, []);
});

test('a part of a snapshot is listed and restored by its path, from the machine or from the top', async () => {
  const listed = await run('ls', `docs@latest:${at('source/deep')}`);
  assert.match(listed.stdout, /^drwx.* er\n-rw.* {4}3000000 .* large\.bin\nlrwx.* link -> \.\.\/small\.txt\n$/);
  const names = json(await run('ls', 'docs@latest', 'deep', '--json')).map(({ name }: { name: string }) => name);
  assert.deepEqual(names, ['er', 'large.bin', 'link']);
  const one = json(await run('restore', 'docs@latest:deep/large.bin', '--to', at('one'), '--json'));
  assert.equal(one.report.files, 1);
  assert.deepEqual(readFileSync(at('one/large.bin')), readFileSync(at('source/deep/large.bin')));
  const none = await run('restore', 'docs@latest:nowhere', '--to', at('none'), '--json');
  assert.deepEqual([none.status, JSON.parse(none.stdout).error.code], [1, 'not_in_snapshot']);
});

test('a folder with something in it is refused, until it is said what becomes of it', async () => {
  mkdirSync(at('full'));
  writeFileSync(at('full/small.txt'), 'mine');
  const refused = await run('restore', 'docs@latest', '--to', at('full'));
  assert.equal(refused.status, 1);
  assert.match(refused.stderr, /to do:/);
  const dry = await run('restore', 'docs@latest', '--to', at('full'), '--existing', 'overwrite', '--dry-run');
  assert.match(
    dry.stderr,
    /has 1 entry: files that are there already are replaced by those of the snapshot; all else there stays/,
  );
  assert.match(dry.stdout, /^Would restore .* Nothing was written\.\n/);
  assert.equal(readFileSync(at('full/small.txt'), 'utf8'), 'mine');
  const kept = json(await run('restore', 'docs@latest', '--to', at('full'), '--existing', 'skip', '--json'));
  assert.equal(kept.report.skipped, 1);
  assert.equal(readFileSync(at('full/small.txt'), 'utf8'), 'mine');
});

test('a snapshot as tar goes to a new file or to standard output, where the summary is not in the way', async () => {
  const toFile = await run('restore', 'docs@latest', '--tar', at('a.tar'));
  assert.equal(toFile.status, 0);
  assert.match(toFile.stdout, /^Wrote north\/docs@.* as tar: 3\.\d\d MB in /);
  const names = execFileSync('tar', ['-tf', at('a.tar')], { encoding: 'utf8' });
  assert.deepEqual(names.trim().split('\n'), ['./', 'deep/', 'deep/er/', 'deep/large.bin', 'deep/link', 'small.txt']);
  assert.match((await run('restore', 'docs@latest', '--tar', at('a.tar'))).stderr, /exists already/);
  const toStdout = await start('restore', 'docs@latest:small.txt', '--tar', '-').ended;
  assert.match(toStdout.stderr, /^Wrote /);
  assert.equal(execFileSync('tar', ['-t'], { input: toStdout.stdout, encoding: 'utf8' }), 'small.txt\n');
  assert.equal((await run('restore', 'docs@latest', '--tar', '-', '--json')).status, 2);
  assert.equal((await run('restore', 'docs@latest', '--tar', at('b.tar'), '--to', at('b'))).status, 2);
});

test('a dump on standard input is a snapshot of one file', async () => {
  const command = start('backup', '--stdin', 'shop.sql', '--dataset', 'shop', '--json');
  command.stdin.end('insert into shop\n'.repeat(100_000));
  const backup = json(await command.ended);
  assert.equal(backup.totals.contentBytes, 1_700_000);
  await run('restore', backup.snapshot.id, '--to', at('dump'));
  assert.deepEqual(readdirSync(at('dump')), ['shop.sql']);
  assert.equal(readFileSync(at('dump/shop.sql')).length, 1_700_000);
});

test('what the appliance refuses is the error of the backup; a path that is not there too', async () => {
  site.refusing.error = new AppError('the store is full', { code: 'store_full', advice: 'Add a disk.' });
  const refused = await run('backup', at('source'), '--dataset', 'docs');
  site.refusing.error = undefined;
  assert.equal(refused.status, 1);
  assert.equal(refused.stderr, 'sitepair: the store is full\n  to do:  Add a disk.\n');
  const missing = await run('backup', at('nowhere'), '--dataset', 'docs', '--json');
  assert.deepEqual([missing.status, JSON.parse(missing.stdout).error.code], [1, 'path_unreadable']);
});

test('files that cannot be read are a warning: listed, exit code 3', { skip: canReadAll() }, async () => {
  mkdirSync(at('partly'));
  writeFileSync(at('partly/secret'), 'x', { mode: 0 });
  const backup = await run('backup', at('partly'), '--dataset', 'docs');
  assert.equal(backup.status, 3);
  assert.match(backup.stdout, /1 problem:\n {2}! .*secret: /);
});

function canReadAll(): string | false {
  return process.geteuid?.() === 0 ? 'root reads everything' : false;
}

/** A backup of a stream that never ends, begun at an appliance of its own. */
async function endlessBackup() {
  const appliance = memoryAppliance();
  const itsApi = await serveApi(appliance.operations);
  const command = startCommand(['backup', '--stdin', 'x', '--dataset', 'x', '--state', itsApi.stateFolder]);
  command.stdin.on('error', () => undefined);
  command.stdin.write('the first half');
  await appliance.begun;
  return { appliance, itsApi, command };
}

test('Ctrl-C ends a backup though its pipe stays open; half a dump is no snapshot', async () => {
  const { appliance, itsApi, command } = await endlessBackup();
  command.interrupt();
  const { status, stderr } = await command.ended;
  assert.equal(status, 1);
  assert.match(stderr, /sitepair: stopped as asked, before the end\n {2}to do: {2}Run the same command again/);
  assert.deepEqual(appliance.snapshots, []);
  await itsApi[Symbol.asyncDispose]();
});

test('an appliance that stops under a backup is told as such', async () => {
  const { appliance, itsApi, command } = await endlessBackup();
  await itsApi[Symbol.asyncDispose]();
  command.stdin.end('the second half');
  const { status, stderr } = await command.ended;
  assert.equal(status, 1);
  assert.match(stderr, /^sitepair: the appliance ended the connection\n {2}why: {4}the appliance is stopping\n/);
  assert.deepEqual(appliance.snapshots, []);
});
