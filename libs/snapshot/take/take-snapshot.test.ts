import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { appendFileSync, chmodSync, linkSync, symlinkSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { childrenOf } from '#model';
import { AppError, type Clock, systemClock, toHex } from '#runtime';
import { decodeNode } from '#wire';
import { asNobody } from '../../../test/kit/as-nobody.ts';
import { isRoot } from '../../../test/kit/corpus.ts';
import { laterClock, SnapshotLab } from '../../../test/kit/snapshot-lab.ts';
import { entryAt, type SnapshotResult, walkEntries } from '../index.ts';

async function names(lab: SnapshotLab, { manifest }: SnapshotResult): Promise<string[]> {
  const found: string[] = [];
  for await (const { path } of walkEntries(lab.store, manifest.root)) found.push(Buffer.from(path).toString());
  return found;
}

const problemsOf = ({ problems }: SnapshotResult) =>
  problems.map(({ path, code }) => `${Buffer.from(path).toString().split('/').at(-1)}: ${code}`);

test('an unchanged tree is not read again, and only its manifest is sent', async () => {
  using lab = new SnapshotLab();
  const folder = lab.makeFolder('data');
  lab.makeFolder('data', 'inner');
  for (let i = 0; i < 50; i++) writeFileSync(lab.path(`data/inner/${i}`), randomBytes(1000));
  writeFileSync(lab.path('data/large'), randomBytes(3_000_000));
  const first = await lab.take(folder);
  assert.equal(first.statistics.filesRead, 51);
  const second = await lab.takeAfter(first);
  assert.equal(second.statistics.filesRead, 0);
  assert.equal(second.statistics.filesReused, 51);
  assert.equal(second.statistics.newNodes, 1);
  assert.equal(second.statistics.newChunks, 0);
  assert.deepEqual(second.manifest.root.directoryHash, first.manifest.root.directoryHash);
});

test('a path that is added or taken away costs no reading of the others', async () => {
  using lab = new SnapshotLab();
  for (const name of ['one', 'two']) {
    lab.makeFolder(name);
    writeFileSync(lab.path(name, 'file'), name);
  }
  const first = await lab.take(lab.path('one'));
  const previous = ({ manifest }: SnapshotResult) => ({ manifest, node: (hash: Uint8Array) => lab.store.node(hash) });
  const both = await lab.take([lab.path('one'), lab.path('two')], { previous: previous(first) });
  assert.equal(both.statistics.filesReused, 1);
  const last = await lab.take(lab.path('two'), { previous: previous(both) });
  assert.equal(last.statistics.filesReused, 1);
});

test('a file changed just before the last snapshot is read again, since a clock tick may hide a change', async () => {
  using lab = new SnapshotLab();
  const folder = lab.makeFolder('data');
  writeFileSync(lab.path('data/file'), 'content');
  const first = await lab.take(folder, { clock: systemClock });
  const second = await lab.takeAfter(first);
  assert.equal(second.statistics.filesRead, 1);
});

test('a file of the same size and time is read again when its change time tells', async () => {
  using lab = new SnapshotLab();
  const folder = lab.makeFolder('data');
  writeFileSync(lab.path('data/file'), 'content');
  utimesSync(lab.path('data/file'), 1_000_000_000, 1_000_000_000);
  const first = await lab.take(folder);
  execFileSync('sleep', ['0.02']);
  writeFileSync(lab.path('data/file'), 'CONTENT');
  utimesSync(lab.path('data/file'), 1_000_000_000, 1_000_000_000);
  const second = await lab.takeAfter(first);
  assert.equal(second.statistics.filesRead, 1);
  assert.equal(second.statistics.newChunks, 1);
});

test('one changed entry of 15,000 sends kilobytes', async () => {
  using lab = new SnapshotLab();
  const folder = lab.makeFolder('data');
  for (let i = 0; i < 15_000; i++) writeFileSync(lab.path(`data/entry-${i}`), '');
  const first = await lab.take(folder);
  assert.equal(first.totals.files, 15_000);
  writeFileSync(lab.path('data/entry-7000'), 'no longer empty');
  const second = await lab.takeAfter(first);
  assert.equal(second.statistics.newNodes, 3, 'a segment, the index above it, the manifest');
  assert.ok(second.statistics.sentBytes < 120_000, `${second.statistics.sentBytes} bytes were sent`);
  const entry = await entryAt(lab.store, second.manifest, Buffer.from('entry-7000'));
  assert.equal(entry?.size, 15);
});

test('children are put before their parents, the manifest last', async () => {
  using lab = new SnapshotLab();
  for (const name of ['a', 'b', 'c']) {
    lab.makeFolder('data', name, 'inner');
    writeFileSync(lab.path(`data/${name}/inner/file`), randomBytes(500_000));
  }
  const { manifestHash } = await lab.take(lab.path('data'));
  const { store } = lab;
  assert.equal(store.putOrder.at(-1), Buffer.from(manifestHash).toString('latin1'));
  const seen = new Set<string>();
  for (const key of store.putOrder) {
    const payload = store.payloads.get(key);
    assert.ok(payload);
    for (const hash of childrenOf(decodeNode(payload)).nodeHashes) {
      assert.ok(seen.has(Buffer.from(hash).toString('latin1')), 'a child comes first');
    }
    seen.add(key);
  }
});

test('small files share frames of about a mebibyte, equal content is sent once', async () => {
  using lab = new SnapshotLab();
  const folder = lab.makeFolder('data');
  for (let i = 0; i < 400; i++) writeFileSync(lab.path(`data/${i}`), randomBytes(10_000));
  for (let i = 0; i < 100; i++) writeFileSync(lab.path(`data/copy-${i}`), 'the same everywhere');
  const { statistics } = await lab.take(folder);
  assert.equal(statistics.newChunks, 401);
  assert.equal(lab.store.frames.length, 4);
  assert.ok(
    lab.store.frames.every(({ compression }) => compression === 0),
    'zstd gains nothing on random bytes',
  );
});

test('what the store has is not sent, and the little that it lacks shares a frame', async () => {
  using lab = new SnapshotLab();
  const folder = lab.makeFolder('data');
  for (let i = 0; i < 500; i++) writeFileSync(lab.path(`data/${i}`), randomBytes(10_000));
  await lab.take(folder);
  lab.store.frames.length = 0;
  for (let i = 0; i < 500; i += 50) writeFileSync(lab.path(`data/${i}`), randomBytes(10_000));
  const { statistics } = await lab.take(folder);
  assert.equal(statistics.filesRead, 500);
  assert.equal(statistics.newChunks, 10);
  assert.equal(lab.store.frames.length, 1);
});

test('zeros are neither stored nor sent, whether holes or written', async () => {
  using lab = new SnapshotLab();
  const folder = lab.makeFolder('data');
  writeFileSync(lab.path('data/written'), Buffer.alloc(6_000_000));
  execFileSync('truncate', ['-s', '1T', lab.path('data/hole')]);
  const { manifest, statistics } = await lab.take(folder);
  assert.equal(statistics.newChunks, 0);
  assert.equal(statistics.bytesRead, 6_000_000);
  const hole = await entryAt(lab.store, manifest, Buffer.from('hole'));
  assert.deepEqual(
    hole?.extents.map(({ length }) => length),
    [2 ** 40],
  );
});

test('the names of one file are read once', async () => {
  using lab = new SnapshotLab();
  const folder = lab.makeFolder('data');
  writeFileSync(lab.path('data/one'), randomBytes(1_000_000));
  linkSync(lab.path('data/one'), lab.path('data/two'));
  const { statistics, totals } = await lab.take(folder);
  assert.equal(statistics.filesRead, 1);
  assert.equal(totals.files, 2);
});

test('a file that changes whenever it is read is read three times, then marked and named', async () => {
  using lab = new SnapshotLab();
  const folder = lab.makeFolder('data');
  const path = lab.path('data/log');
  writeFileSync(path, randomBytes(2_000_000));
  const snapshot = await lab.take(folder, { clock: clockThat(() => appendFileSync(path, 'one more line\n')) });
  assert.deepEqual(problemsOf(snapshot), ['log: changed_while_read']);
  assert.equal(snapshot.totals.changedWhileRead, 1);
  assert.ok(snapshot.statistics.bytesRead > 6_000_000);
  const report = await lab.restore(snapshot, lab.path('restored'));
  assert.equal(report.changedWhileRead, 1);
});

test('a file that changes once is read again and is good', async () => {
  using lab = new SnapshotLab();
  const folder = lab.makeFolder('data');
  const path = lab.path('data/log');
  writeFileSync(path, randomBytes(2_000_000));
  let looks = 0;
  const change = () => {
    // The first look comes before the file is open.
    if (++looks === 3) appendFileSync(path, 'one more line');
  };
  const snapshot = await lab.take(folder, { clock: clockThat(change) });
  assert.deepEqual(snapshot.problems, []);
  assert.equal((await entryAt(lab.store, snapshot.manifest, Buffer.from('log')))?.size, 2_000_013);
});

test('what cannot be read is in the tree, marked, and named', { skip: isRoot() ? false : 'needs root' }, async () => {
  using lab = new SnapshotLab();
  const folder = lab.makeFolder('data');
  chmodSync(lab.folder, 0o755);
  writeFileSync(lab.path('data/closed'), 'secret', { mode: 0o600 });
  writeFileSync(lab.path('data/open'), 'public');
  lab.makeFolder('data', 'locked');
  writeFileSync(lab.path('data/locked/inside'), 'never seen');
  chmodSync(lab.path('data/locked'), 0o700);
  const snapshot = await asNobody(() => lab.take(folder));
  assert.deepEqual(problemsOf(snapshot), ['closed: EACCES', 'locked: EACCES']);
  assert.equal(snapshot.totals.unreadable, 2);
  assert.deepEqual(await names(lab, snapshot), ['closed', 'locked', 'open']);
  const report = await lab.restore(snapshot, lab.path('restored'));
  assert.deepEqual(
    report.problems.map(({ code }) => code),
    ['not_in_snapshot', 'not_in_snapshot'],
  );
});

test('a file that is deleted while the walk goes on is no problem', async () => {
  using lab = new SnapshotLab();
  const folder = lab.makeFolder('data');
  writeFileSync(lab.path('data/a'), 'stays');
  writeFileSync(lab.path('data/b'), 'soon gone');
  let looks = 0;
  const clock = clockThat(() => {
    if (++looks === 2) unlinkSync(lab.path('data/b'));
  });
  const snapshot = await lab.take(folder, { clock });
  assert.deepEqual(snapshot.problems, []);
  assert.equal(snapshot.statistics.vanished, 1);
  assert.deepEqual(await names(lab, snapshot), ['a']);
});

test('excludes follow gitignore, from each path or with it in front', async () => {
  using lab = new SnapshotLab();
  for (const name of ['keep', 'node_modules', 'sub/node_modules', 'sub/build', 'build']) lab.makeFolder('data', name);
  for (const name of ['keep/a.tmp', 'keep/b', 'sub/important.tmp', 'sub/build/x', 'build/x', 'secret', 'sub/secret']) {
    writeFileSync(lab.path('data', name), 'x');
  }
  const excludes = ['*.tmp', '!important.tmp', 'node_modules/', '/build', lab.path('data/secret')];
  const snapshot = await lab.take(lab.path('data'), { excludes });
  const expected = ['keep', 'keep/b', 'sub', 'sub/build', 'sub/build/x', 'sub/important.tmp', 'sub/secret'];
  assert.deepEqual(await names(lab, snapshot), expected);
  assert.equal(snapshot.statistics.excluded, 5);
  assert.deepEqual(snapshot.manifest.excludePatterns, excludes);
});

test('of a cache only its tag is kept, when told so and when the tag is genuine', async () => {
  using lab = new SnapshotLab();
  for (const name of ['cache', 'pretender']) lab.makeFolder('data', name);
  writeFileSync(lab.path('data/cache/CACHEDIR.TAG'), 'Signature: 8a477f597d28d172789f06886806bc55\n');
  writeFileSync(lab.path('data/pretender/CACHEDIR.TAG'), 'Signature: of something else');
  for (const name of ['cache', 'pretender']) writeFileSync(lab.path('data', name, 'thing'), 'x');
  const snapshot = await lab.take(lab.path('data'), { excludeCaches: true });
  const kept = ['cache', 'cache/CACHEDIR.TAG', 'pretender', 'pretender/CACHEDIR.TAG', 'pretender/thing'];
  assert.deepEqual(await names(lab, snapshot), kept);
  assert.equal((await names(lab, await lab.take(lab.path('data')))).length, 6);
});

test('one file system: a mount point is an empty folder', { skip: mountMissing() }, async () => {
  using lab = new SnapshotLab();
  lab.makeFolder('data', 'mounted');
  lab.makeFolder('data', 'bound');
  writeFileSync(lab.path('data/bound/under the mount'), 'hidden');
  execFileSync('mount', ['-t', 'tmpfs', 'none', lab.path('data/mounted')]);
  try {
    lab.makeFolder('data', 'mounted', 'inner');
    writeFileSync(lab.path('data/mounted/inner/file'), 'on another file system');
    execFileSync('mount', ['--bind', lab.path('data/mounted/inner'), lab.path('data/bound')]);
    try {
      const all = ['bound', 'bound/file', 'mounted', 'mounted/inner', 'mounted/inner/file'];
      assert.deepEqual(await names(lab, await lab.take(lab.path('data'))), all);
      const one = await lab.take(lab.path('data'), { oneFileSystem: true });
      assert.deepEqual(await names(lab, one), ['bound', 'mounted']);
      const both = await lab.take([lab.path('data'), lab.path('data/mounted/inner')], { oneFileSystem: true });
      assert.deepEqual(await names(lab, both), ['bound', 'mounted', 'mounted/inner', 'mounted/inner/file']);
    } finally {
      execFileSync('umount', [lab.path('data/bound')]);
    }
  } finally {
    execFileSync('umount', [lab.path('data/mounted')]);
  }
});

test('a path that is not there, not absolute or goes up is refused before anything is read', async () => {
  using lab = new SnapshotLab();
  lab.makeFolder('data');
  await assert.rejects(lab.take(lab.path('nothing')), { code: 'path_unreadable' });
  await assert.rejects(lab.take('relative/path'), { code: 'bad_path' });
  await assert.rejects(lab.take(`${lab.path('data')}/../data`), { code: 'bad_path' });
  await assert.rejects(lab.take([]), { code: 'bad_path' });
});

test('a path that is a symbolic link is kept as one, and that is said', async () => {
  using lab = new SnapshotLab();
  lab.makeFolder('data');
  symlinkSync('data', lab.path('link'));
  const snapshot = await lab.take(lab.path('link'));
  assert.deepEqual(problemsOf(snapshot), ['link: path_is_symlink']);
});

test('an abort and a failing store end the snapshot with their own error', async () => {
  using lab = new SnapshotLab();
  const folder = lab.makeFolder('data');
  for (let i = 0; i < 20; i++) writeFileSync(lab.path(`data/${i}`), randomBytes(3_000_000));
  const reason = new Error('enough');
  const aborting = new AbortController();
  lab.store.beforeAnswer = async () => aborting.abort(reason);
  await assert.rejects(lab.take(folder, { signal: aborting.signal }), reason);
  const refusal = new AppError('the store is full', { code: 'store_full', advice: 'Add a disk.' });
  lab.store.beforeAnswer = async () => {
    throw refusal;
  };
  await assert.rejects(lab.take(folder), refusal);
  lab.store.beforeAnswer = undefined;
  const { manifestHash } = await lab.take(folder);
  assert.ok(await lab.store.node(manifestHash), toHex(manifestHash));
});

/** A clock that does something whenever the walk looks at it: at least before each entry and after each large chunk. */
function clockThat(act: () => void): Clock {
  return {
    nowMs: laterClock.nowMs,
    monotonicMs() {
      act();
      return laterClock.monotonicMs();
    },
  };
}

function mountMissing(): string | false {
  if (!isRoot()) return 'needs root';
  using lab = new SnapshotLab();
  try {
    execFileSync('mount', ['-t', 'tmpfs', 'none', lab.folder], { stdio: 'ignore' });
    execFileSync('umount', [lab.folder]);
    return false;
  } catch {
    return 'needs the right to mount';
  }
}
