import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { test } from 'node:test';
import { type Entry, EntryKind } from '#model';
import { asNobody } from '../../../test/kit/as-nobody.ts';
import { isRoot, makeCorpus } from '../../../test/kit/corpus.ts';
import { SnapshotLab } from '../../../test/kit/snapshot-lab.ts';
import { findPath, type RestoreReport, type SnapshotResult } from '../index.ts';
import { DirectoryWriter } from '../tree/directory-writer.ts';
import { blankEntry } from '../tree/entry-fields.ts';
import { Upload } from '../upload/upload.ts';

const problemsOf = ({ problems }: RestoreReport) =>
  problems.map(({ path, code }) => `${Buffer.from(path).toString()}: ${code}`);

/** A snapshot of one folder: file `a` with what is given, file `b`, a folder with a file. */
async function smallSnapshot(
  lab: SnapshotLab,
  content: string | Buffer = 'from the snapshot',
): Promise<SnapshotResult> {
  lab.makeFolder('data', 'inner');
  writeFileSync(lab.path('data/a'), content);
  writeFileSync(lab.path('data/b'), 'b');
  writeFileSync(lab.path('data/inner/c'), 'c');
  for (const name of ['a', 'b', 'inner/c']) utimesSync(lab.path('data', name), 1_500_000_000, 1_500_000_000.25);
  return lab.take(lab.path('data'));
}

test('a target that is not empty is refused and stays as it was', async () => {
  using lab = new SnapshotLab();
  const snapshot = await smallSnapshot(lab);
  lab.makeFolder('target');
  writeFileSync(lab.path('target/mine'), 'mine');
  await assert.rejects(lab.restore(snapshot, lab.path('target')), { code: 'target_not_empty' });
  assert.deepEqual(readdirSync(lab.path('target')), ['mine']);
});

test('skip keeps what is there, overwrite replaces it, newer lets the newer one win; nothing else is touched', async () => {
  for (const existing of ['skip', 'overwrite', 'newer'] as const) {
    using lab = new SnapshotLab();
    const snapshot = await smallSnapshot(lab);
    lab.makeFolder('target');
    for (const name of ['a', 'b', 'other']) writeFileSync(lab.path('target', name), 'mine');
    utimesSync(lab.path('target/a'), 1_400_000_000, 1_400_000_000); // older than the snapshot's; b is newer
    const report = await lab.restore(snapshot, lab.path('target'), { existing });
    assert.deepEqual(report.problems, []);
    const content = ['a', 'b', 'other', 'inner/c'].map((name) => readFileSync(lab.path('target', name), 'utf8'));
    const expected = {
      skip: ['mine', 'mine', 'mine', 'c'],
      overwrite: ['from the snapshot', 'b', 'mine', 'c'],
      newer: ['from the snapshot', 'mine', 'mine', 'c'],
    };
    assert.deepEqual(content, expected[existing], existing);
  }
});

test('overwrite takes files of equal size and time for complete and sets their metadata only', async () => {
  using lab = new SnapshotLab();
  const snapshot = await smallSnapshot(lab);
  await lab.restore(snapshot, lab.path('target'));
  const before = statSync(lab.path('target/a'));
  chmodSync(lab.path('target/a'), 0o777);
  const report = await lab.restore(snapshot, lab.path('target'), { existing: 'overwrite' });
  assert.equal(report.unchanged, 3);
  assert.equal(statSync(lab.path('target/a')).ino, before.ino);
  assert.deepEqual(await lab.differences(lab.path('data'), lab.path('target')), []);
});

test('a symbolic link in the way never leads a restore out of the target', async () => {
  for (const existing of ['skip', 'overwrite', 'newer'] as const) {
    using lab = new SnapshotLab();
    const snapshot = await smallSnapshot(lab);
    lab.makeFolder('outside');
    lab.makeFolder('target');
    writeFileSync(lab.path('outside/victim'), 'untouched');
    symlinkSync(lab.path('outside'), lab.path('target/inner'));
    symlinkSync(lab.path('outside/victim'), lab.path('target/a'));
    symlinkSync(lab.path('outside/new'), lab.path('target/b'));
    const report = await lab.restore(snapshot, lab.path('target'), { existing });
    assert.deepEqual(readdirSync(lab.path('outside')), ['victim'], existing);
    assert.equal(readFileSync(lab.path('outside/victim'), 'utf8'), 'untouched');
    if (existing === 'overwrite') {
      assert.deepEqual(await lab.differences(lab.path('data'), lab.path('target')), []);
    } else assert.deepEqual(problemsOf(report), ['inner: in_the_way']);
  }
});

test('a link of the snapshot itself is not followed by what comes after it', async () => {
  using lab = new SnapshotLab();
  lab.makeFolder('outside');
  const { store } = lab;
  const upload = new Upload(store);
  const hash = upload.chunk(Buffer.from('payload'));
  const file = { ...blankEntry(Buffer.from('x'), EntryKind.file), size: 7, extents: [{ chunkHash: hash, length: 7 }] };
  const link = { ...blankEntry(Buffer.from('x'), EntryKind.symlink), linkTarget: Buffer.from(lab.path('outside/x')) };
  const snapshots = [[link], [file]].map((entries) => rootWith(upload, entries));
  await upload.finish();
  const first = { ...(await smallSnapshot(lab)) };
  for (const root of snapshots) {
    await lab.restore({ ...first, manifest: { ...first.manifest, root } }, lab.path('target'), {
      existing: 'overwrite',
    });
  }
  assert.deepEqual(readdirSync(lab.path('outside')), []);
  assert.equal(readFileSync(lab.path('target/x'), 'utf8'), 'payload');
});

test('a hostile name is refused: none reaches the file system', async () => {
  for (const name of ['..', '.', '', 'a/b', '/etc/passwd', 'nul\0', 'x'.repeat(256)]) {
    using lab = new SnapshotLab();
    const first = await smallSnapshot(lab);
    const upload = new Upload(lab.store);
    const root = rootWith(upload, [blankEntry(Buffer.from(name), EntryKind.directory)]);
    await upload.finish();
    const report = await lab.restore({ ...first, manifest: { ...first.manifest, root } }, lab.path('target'));
    assert.deepEqual(problemsOf(report), [': malformed_tree']);
    assert.deepEqual(readdirSync(lab.path('target')), []);
  }
});

test('broken off, the same restore goes on: what is complete is not fetched again', async () => {
  using lab = new SnapshotLab();
  makeCorpus(lab.path('data'), { root: isRoot() });
  const snapshot = await lab.take(lab.path('data'));
  const reason = new Error('pulled the plug');
  const aborting = new AbortController();
  let wanted = 0;
  const source = {
    node: (hash: Uint8Array) => lab.store.node(hash),
    async *chunks(hashes: readonly Uint8Array[]) {
      for await (const chunk of lab.store.chunks(hashes)) {
        if (++wanted === 200) aborting.abort(reason);
        yield chunk;
      }
    },
  };
  await assert.rejects(lab.restore(snapshot, lab.path('target'), { source, signal: aborting.signal }), reason);
  const whole = wanted;
  assert.notDeepEqual(await lab.differences(lab.path('data'), lab.path('target')), []);
  wanted = 0;
  const other = { ...snapshot, manifestHash: randomBytes(32) };
  await assert.rejects(lab.restore(other, lab.path('target')), { code: 'target_not_empty' });
  const report = await lab.restore(snapshot, lab.path('target'), { source });
  assert.deepEqual(report.problems, []);
  assert.ok(report.unchanged > 0 && whole > 0);
  assert.deepEqual(await lab.differences(lab.path('data'), lab.path('target')), []);
});

test('what a killed restore left under a temporary name is replaced by the next one', async () => {
  using lab = new SnapshotLab();
  const snapshot = await smallSnapshot(lab, randomBytes(4_000_000));
  const killed = new Error('killed');
  let temporary: string | undefined;
  const source = {
    node: (hash: Uint8Array) => lab.store.node(hash),
    // Several chunks of one file: it is open, incomplete, when this looks.
    async *chunks(hashes: readonly Uint8Array[]) {
      for await (const chunk of lab.store.chunks(hashes)) {
        yield chunk;
        temporary = readdirSync(lab.path('target')).find((name) => /^\.sitepair-[0-9a-f]{20}$/.test(name));
        if (temporary !== undefined) throw killed;
      }
    },
  };
  await assert.rejects(lab.restore(snapshot, lab.path('target'), { source }), killed);
  assert.ok(temporary);
  assert.deepEqual(
    readdirSync(lab.path('target')).filter((name) => name === temporary),
    [],
  );
  symlinkSync(lab.path('elsewhere'), lab.path('target', temporary));
  await lab.restore(snapshot, lab.path('target'));
  assert.equal(existsSync(lab.path('elsewhere')), false);
  assert.deepEqual(await lab.differences(lab.path('data'), lab.path('target')), []);
});

test('a dry run counts and writes nothing', async () => {
  using lab = new SnapshotLab();
  makeCorpus(lab.path('data'), { root: isRoot() });
  const snapshot = await lab.take(lab.path('data'));
  const report = await lab.restore(snapshot, lab.path('target'), { dryRun: true });
  assert.equal(existsSync(lab.path('target')), false);
  assert.equal(report.files, snapshot.totals.files);
  assert.equal(report.bytes, snapshot.totals.contentBytes);
  lab.makeFolder('half');
  writeFileSync(lab.path('half/contents'), 'in the way of a folder');
  const half = await lab.restore(snapshot, lab.path('half'), { dryRun: true, existing: 'skip' });
  assert.deepEqual(problemsOf(half), ['contents: in_the_way']);
  assert.deepEqual(readdirSync(lab.path('half')), ['contents']);
});

test('a lost chunk costs the files that need it, by name; the others come back', async () => {
  using lab = new SnapshotLab();
  lab.makeFolder('data');
  writeFileSync(lab.path('data/lost'), randomBytes(50_000));
  linkSync(lab.path('data/lost'), lab.path('data/lost too'));
  writeFileSync(lab.path('data/large'), randomBytes(4_000_000));
  writeFileSync(lab.path('data/whole'), 'whole');
  const snapshot = await lab.take(lab.path('data'));
  const sizes = [...lab.store.chunkContents].map(([key, content]) => [key, content.length] as const);
  const lost = [sizes.find(([, length]) => length === 50_000), sizes.find(([, length]) => length > 100_000)];
  for (const chunk of lost) lab.store.chunkContents.delete(chunk?.[0] as string);
  const report = await lab.restore(snapshot, lab.path('target'));
  assert.deepEqual(problemsOf(report).sort(), [
    'large: content_missing',
    'lost too: link_missing',
    'lost: content_missing',
  ]);
  assert.deepEqual(readdirSync(lab.path('target')), ['whole']);
});

test('a lost directory costs what is below it; the others come back', async () => {
  using lab = new SnapshotLab();
  const snapshot = await smallSnapshot(lab);
  const inner = await findPath(lab.store, snapshot.manifest, Buffer.from('inner'));
  lab.store.payloads.delete(Buffer.from(inner.directoryHash).toString('latin1'));
  const report = await lab.restore(snapshot, lab.path('target'));
  assert.deepEqual(problemsOf(report), ['inner: content_missing']);
  assert.deepEqual(readdirSync(lab.path('target')).sort(), ['a', 'b', 'inner']);
});

test('another user than root gets the files, and is told what could not be set', { skip: needsRoot() }, async () => {
  using lab = new SnapshotLab();
  chmodSync(lab.folder, 0o777);
  lab.makeFolder('data');
  for (const [name, mode] of Object.entries({ plain: 0o644, setuid: 0o4755 })) {
    writeFileSync(lab.path('data', name), name);
    chmodSync(lab.path('data', name), mode);
  }
  execFileSync('mknod', [lab.path('data/device'), 'c', '1', '3']);
  const snapshot = await lab.take(lab.path('data'));
  const report = await asNobody(() => lab.restore(snapshot, lab.path('target')));
  assert.deepEqual(problemsOf(report), ['device: EPERM', ': owners_not_set']);
  assert.equal(readFileSync(lab.path('target/plain'), 'utf8'), 'plain');
  assert.equal(lstatSync(lab.path('target/setuid')).mode & 0o7777, 0o755);
  const quiet = await asNobody(() =>
    lab.restore(snapshot, lab.path('other'), { owners: 'none', subPath: Buffer.from('plain') }),
  );
  assert.deepEqual(quiet.problems, []);
});

test('owners come back by name where the machine knows it, else by number', { skip: needsRoot() }, async () => {
  using lab = new SnapshotLab();
  const snapshot = await smallSnapshot(lab);
  const upload = new Upload(lab.store);
  const common = { uid: 4_000, gid: 4_001 };
  const entries = [
    { ...blankEntry(Buffer.from('known'), EntryKind.file), ...common, user: Buffer.from('daemon') },
    { ...blankEntry(Buffer.from('unknown'), EntryKind.file), ...common, user: Buffer.from('no-such-user-here') },
  ];
  const root = rootWith(upload, entries);
  await upload.finish();
  const renamed = { ...snapshot, manifest: { ...snapshot.manifest, root } };
  await lab.restore(renamed, lab.path('names'));
  await lab.restore(renamed, lab.path('numbers'), { owners: 'numbers' });
  const uid = (path: string) => statSync(lab.path(path)).uid;
  assert.deepEqual(['names/known', 'names/unknown', 'numbers/known'].map(uid), [1, 4_000, 4_000]);
});

test('what an existing folder would hand down is not left on restored files', { skip: needsRoot() }, async () => {
  using lab = new SnapshotLab();
  const snapshot = await smallSnapshot(lab);
  mkdirSync(lab.path('target'));
  try {
    execFileSync('setfacl', ['-d', '-m', 'u:daemon:rwx', lab.path('target')], { stdio: 'ignore' });
  } catch {
    return; // Without setfacl there is nothing to hand down.
  }
  await lab.restore(snapshot, lab.path('target'));
  assert.deepEqual(await lab.differences(lab.path('data'), lab.path('target')), []);
});

function rootWith(upload: Upload, entries: readonly Entry[]): Entry {
  const directory = new DirectoryWriter(upload.node);
  for (const entry of entries) directory.add({ ...entry, mode: 0o755 });
  return { ...blankEntry(Buffer.alloc(0), EntryKind.directory), mode: 0o755, directoryHash: directory.finish() };
}

function needsRoot(): string | false {
  return isRoot() ? false : 'needs root';
}
