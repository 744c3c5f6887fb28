import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createWriteStream, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { test } from 'node:test';
import { systemClock } from '#runtime';
import { isRoot, makeCorpus } from '../../test/kit/corpus.ts';
import { SnapshotLab, snapshotLabels } from '../../test/kit/snapshot-lab.ts';
import { snapshotStream, tarStream } from './index.ts';

test('what comes back is what was there: bytes, kinds, names, owners, modes, times, attributes, links', async () => {
  using lab = new SnapshotLab();
  makeCorpus(lab.path('original'), { root: isRoot() });
  const snapshot = await lab.take(lab.path('original'));
  assert.deepEqual(snapshot.problems, []);
  const report = await lab.restore(snapshot, lab.path('restored'));
  assert.deepEqual(report.problems, []);
  assert.equal(report.sockets, 1);
  assert.equal(report.files, snapshot.totals.files);
  assert.deepEqual(await lab.differences(lab.path('original'), lab.path('restored')), []);
  const allocated = Number(execFileSync('stat', ['-c', '%b', lab.path('restored/contents/sparse')])) * 512;
  assert.ok(allocated < 1_048_576, `a file of 40 MiB with three islands takes ${allocated} bytes`);
});

test('an extracted tar is what was there', { skip: tarMissing() }, async () => {
  using lab = new SnapshotLab();
  makeCorpus(lab.path('original'), { root: isRoot(), longPaths: false });
  const { manifest } = await lab.take(lab.path('original'));
  const problems: string[] = [];
  const onProblem = (path: Uint8Array, code: string) => problems.push(`${Buffer.from(path)} ${code}`);
  await pipeline(tarStream({ source: lab.store, manifest, onProblem }), createWriteStream(lab.path('archive.tar')));
  assert.deepEqual(problems, []);
  const target = lab.makeFolder('extracted');
  const how = ['-x', '-p', '--xattrs', '--xattrs-include=*', '--numeric-owner', '-C', target];
  execFileSync('tar', [...how, '-f', lab.path('archive.tar')], { stdio: ['ignore', 'ignore', 'pipe'] });
  assert.deepEqual(await lab.differences(lab.path('original'), target), []);
});

test('several paths come back below their full names, the folders in between with their own metadata', async () => {
  using lab = new SnapshotLab();
  lab.makeFolder('a', 'b');
  lab.makeFolder('other');
  writeFileSync(lab.path('a/b/file'), 'in b');
  writeFileSync(lab.path('a/not-this'), 'not asked for');
  writeFileSync(lab.path('other/single'), 'a file by itself');
  execFileSync('touch', ['-d', '2001-02-03 04:05:06.123456789', lab.path('a')]);
  const snapshot = await lab.take([lab.path('other/single'), lab.path('a/b')]);
  assert.equal(snapshot.manifest.rootIsVirtual, true);
  await lab.restore(snapshot, lab.path('restored'));
  const at = (name: string) => lab.path('restored', lab.path(name));
  assert.equal(readFileSync(at('a/b/file'), 'utf8'), 'in b');
  assert.equal(readFileSync(at('other/single'), 'utf8'), 'a file by itself');
  assert.equal(existsSync(at('a/not-this')), false);
  const time = (path: string) => execFileSync('stat', ['-c', '%y', path]).toString();
  assert.equal(time(at('a')), time(lab.path('a')));
});

test('a part comes back alone: a folder as the target itself, a file under its name', async () => {
  using lab = new SnapshotLab();
  lab.makeFolder('data', 'inner', 'deeper');
  writeFileSync(lab.path('data/inner/deeper/file'), 'content');
  writeFileSync(lab.path('data/inner/beside'), 'beside');
  const snapshot = await lab.take(lab.path('data'));
  await lab.restore(snapshot, lab.path('folder'), { subPath: Buffer.from('inner') });
  assert.deepEqual(await lab.differences(lab.path('data/inner'), lab.path('folder')), []);
  await lab.restore(snapshot, lab.path('file'), { subPath: Buffer.from(lab.path('data/inner/deeper/file')) });
  assert.equal(readFileSync(lab.path('file/file'), 'utf8'), 'content');
  const missing = lab.restore(snapshot, lab.path('none'), { subPath: Buffer.from('inner/nothing') });
  await assert.rejects(missing, { code: 'not_in_snapshot' });
});

test('a dump from a stream is one file under a virtual root', async () => {
  using lab = new SnapshotLab();
  const dump = Buffer.concat([Buffer.from('-- a dump\n'.repeat(90_000)), Buffer.alloc(5_000_000), Buffer.from('end')]);
  async function* pieces() {
    for (let at = 0; at < dump.length; at += 65_521) yield dump.subarray(at, at + 65_521);
  }
  const common = { sink: lab.store, chunkerKey: Buffer.alloc(32, 7), labels: snapshotLabels, clock: systemClock };
  const snapshot = await snapshotStream({ ...common, name: Buffer.from('db.sql'), stream: pieces() });
  assert.equal(snapshot.totals.contentBytes, dump.length);
  await lab.restore(snapshot, lab.path('restored'));
  assert.ok(readFileSync(lab.path('restored/db.sql')).equals(dump));
  const nowhere = snapshotStream({ ...common, name: Buffer.from('a/b'), stream: pieces() });
  await assert.rejects(nowhere, { code: 'bad_path' });
  async function* broken() {
    yield dump.subarray(0, 100_000);
    throw new Error('the database went away');
  }
  const half = snapshotStream({ ...common, name: Buffer.from('db.sql'), stream: broken() });
  await assert.rejects(half, /the database went away/);
});

function tarMissing(): string | false {
  try {
    return execFileSync('tar', ['--version']).includes('GNU tar') ? false : 'needs GNU tar';
  } catch {
    return 'needs GNU tar';
  }
}
