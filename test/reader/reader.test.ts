import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Entry, EntryKind, EntryState, type Extent } from '#model';
import { sha256 } from '#wire';
import { entry, readerPath, runReader, runReaderUnprivileged, TestStore } from './test-store.ts';

const text = (path: string) => readFileSync(path, 'utf8');

/** Restores and expects this exit code; gives the folder and what was said. */
function restored(store: TestStore, what: string, exitCode = 0): { out: string; stderr: string } {
  const out = join(store.folder, `out-${readdirSync(store.folder).length}`);
  const run = store.read('restore', what, '--to', out);
  assert.equal(run.status, exitCode, run.stderr);
  return { out, stderr: run.stderr };
}

test('snapshots are listed from the packs alone, oldest first', async () => {
  using store = await TestStore.create();
  const root = await store.addDirectory('', []);
  const newer = await store.addSnapshot(root, { datasetName: 'mail', startedSeconds: 1_800_000_000 });
  const older = await store.addSnapshot(root, { host: 'evil\u001b[2J' });
  store.writePacks();
  const { status, stdout } = store.read();
  assert.equal(status, 0);
  const [first = '', second = ''] = stdout.split('\n');
  assert.ok(first.startsWith(`${older.slice(0, 16)}  2023-11-14T22:13:20Z  home  host evil\\x1b[2J  site `), first);
  assert.ok(first.endsWith('3 files  4711 bytes'), first);
  assert.ok(second.startsWith(`${newer.slice(0, 16)}  2027-01-15T08:00:00Z  mail `), second);
});

test('contents, names of any bytes, modes, times, symlinks and empty folders come back', async () => {
  using store = await TestStore.create();
  const raw = Buffer.from([0x66, 0xfc, 0xff, 0x0a]);
  const times = { modifiedSeconds: -86_400, modifiedNanos: 250_000_000 };
  const inner = await store.addDirectory(raw, [await store.addFile(raw, 'latin', { mode: 0o4711, ...times })], {
    mode: 0o2750,
    modifiedSeconds: 1_234_567_890,
  });
  const link = entry({ name: Buffer.from('link'), kind: EntryKind.symlink, linkTarget: raw, mode: 0o777, ...times });
  const empty = await store.addDirectory('empty', [], { mode: 0o500 });
  const exact = { modifiedSeconds: 1_234_567_890, modifiedNanos: 123_456_789 };
  const big = randomBytes(300_000);
  const files = [
    await store.addFile('big', big),
    await store.addFile('nothing', '', exact),
    await store.addFile('ü', 'uml'),
  ];
  const id = await store.addSnapshot(await store.addDirectory('', [inner, link, empty, ...files], { mode: 0o711 }));
  store.writePacks();

  const { out, stderr } = restored(store, id.slice(0, 12));
  assert.equal(stderr, '');
  assert.deepEqual(readdirSync(out).length, 6);
  assert.deepEqual(readFileSync(join(out, 'big')), big);
  assert.deepEqual([text(join(out, 'nothing')), text(join(out, 'ü'))], ['', 'uml']);
  const offNs = statSync(join(out, 'nothing'), { bigint: true }).mtimeNs - 1_234_567_890_123_456_789n;
  assert.ok(offNs > -1000n && offNs < 1000n, `${offNs} ns off`);
  const rawFolder = Buffer.concat([Buffer.from(`${out}/`), raw]);
  const rawFile = Buffer.concat([rawFolder, Buffer.from('/'), raw]);
  assert.equal(readFileSync(rawFile, 'utf8'), 'latin');
  assert.equal(statSync(rawFile).mode & 0o7777, 0o4711);
  assert.equal(statSync(rawFile).mtimeMs, -86_399_750);
  assert.equal(statSync(rawFolder).mode & 0o7777, 0o2750);
  assert.equal(statSync(rawFolder).mtimeMs, 1_234_567_890_000);
  assert.deepEqual(readlinkSync(join(out, 'link'), 'buffer'), raw);
  assert.equal(lstatSync(join(out, 'link')).mtimeMs, -86_399_750);
  assert.equal(statSync(join(out, 'empty')).mode & 0o7777, 0o500);
  assert.equal(statSync(out).mode & 0o7777, 0o711);
});

test('holes, lists of contents in two levels and directory indexes in two levels come back', async () => {
  using store = await TestStore.create();
  const chunks = Array.from({ length: 90 }, (_, i) => randomBytes(100 + i));
  await store.addLeaf(...chunks.slice(0, 50));
  await store.addLeaf(...chunks.slice(50));
  const hole: Extent = { chunkHash: new Uint8Array(0), length: 200_000 };
  const extents = chunks.map((chunk): Extent => ({ chunkHash: sha256(chunk), length: chunk.length }));
  const lists = [[hole, ...extents.slice(0, 30)], extents.slice(30, 60), [...extents.slice(60), hole]];
  const parts = [];
  for (const list of lists) {
    const nodeHash = await store.addNode({ type: 'contentList', contentList: { extents: list, parts: [] } });
    parts.push({ nodeHash, length: list.reduce((sum, extent) => sum + extent.length, 0) });
  }
  const contentListHash = await store.addNode({ type: 'contentList', contentList: { extents: [], parts } });
  const size = parts.reduce((sum, part) => sum + part.length, 0);
  const sparse = entry({ name: Buffer.from('sparse'), contentListHash, size });

  const names = Array.from({ length: 40 }, (_, i) => `file-${String(i).padStart(2, '0')}`);
  const indexes = [];
  for (const half of [names.slice(0, 20), names.slice(20)]) {
    const segments = [];
    for (const some of [half.slice(0, 10), half.slice(10)]) {
      const entries: Entry[] = [];
      for (const name of some) entries.push(await store.addFile(name, name));
      const nodeHash = await store.addNode({ type: 'directory', directory: { entries } });
      segments.push({ firstName: Buffer.from(some[0] ?? ''), nodeHash, entryCount: 10 });
    }
    const nodeHash = await store.addNode({ type: 'directoryIndex', directoryIndex: { segments } });
    indexes.push({ firstName: Buffer.from(half[0] ?? ''), nodeHash, entryCount: 20 });
  }
  const directoryHash = await store.addNode({ type: 'directoryIndex', directoryIndex: { segments: indexes } });
  const many = entry({ name: Buffer.from('many'), kind: EntryKind.directory, mode: 0o755, directoryHash });
  const id = await store.addSnapshot(await store.addDirectory('', [sparse, many]));
  store.writePacks();

  const { out } = restored(store, id);
  const expected = Buffer.concat([Buffer.alloc(200_000), ...chunks, Buffer.alloc(200_000)]);
  assert.deepEqual(readFileSync(join(out, 'sparse')), expected);
  assert.ok(statSync(join(out, 'sparse')).blocks * 512 < 100_000, 'the zeros take no room');
  assert.deepEqual(readdirSync(join(out, 'many')).sort(), names);
  for (const name of names) assert.equal(text(join(out, 'many', name)), name);
});

test('hard links are one file again', async () => {
  using store = await TestStore.create();
  const shared = { inode: Buffer.from('0100000000000080', 'hex'), links: 2 };
  const folder = await store.addDirectory('folder', [await store.addFile('second', 'same', shared)]);
  const other = await store.addFile('other', 'same', { ...shared, fileSystem: 1 });
  const id = await store.addSnapshot(
    await store.addDirectory('', [await store.addFile('first', 'same', shared), folder, other]),
  );
  store.writePacks();
  const { out } = restored(store, id);
  assert.equal(statSync(join(out, 'folder/second')).ino, statSync(join(out, 'first')).ino);
  assert.notEqual(statSync(join(out, 'other')).ino, statSync(join(out, 'first')).ino);
});

test('what cannot be restored or set is named, the rest is restored', async () => {
  using store = await TestStore.create();
  const special = (name: string, kind: EntryKind, more: Partial<Entry> = {}) =>
    entry({ name: Buffer.from(name), kind, ...more });
  const entries = [
    special('device', EntryKind.blockDevice, { deviceMajor: 8, deviceMinor: 1 }),
    special('pipe', EntryKind.fifo, { mode: 0o640 }),
    special('socket', EntryKind.socket),
    await store.addFile('tagged', 'x', {
      xattrs: [{ name: Buffer.from('user.tag'), value: Buffer.from('v'), valueHash: new Uint8Array(0) }],
    }),
    entry({ name: Buffer.from('unread'), size: 10, state: EntryState.unreadable }),
    await store.addFile('moving', 'half', { state: EntryState.changedWhileRead }),
    await store.addFile('short', 'four', { size: 5 }),
  ];
  const id = await store.addSnapshot(await store.addDirectory('', entries));
  store.writePacks();
  const { out, stderr } = restored(store, id, 3);
  assert.match(stderr, /device: not restored: .*8:1/);
  assert.match(stderr, /socket: not restored/);
  assert.match(stderr, /tagged: .*user\.tag/);
  assert.match(stderr, /unread: not restored: .*could not be read/);
  assert.match(stderr, /moving: changed while/);
  assert.match(stderr, /short: not restored: .*4 of 5 bytes/);
  const fifos = spawnSync('mkfifo', ['--version']).error ? [] : ['pipe'];
  assert.deepEqual(readdirSync(out).sort(), ['moving', ...fifos, 'tagged']);
  if (fifos.length > 0) assert.equal(lstatSync(join(out, 'pipe')).mode, 0o10640);
});

const cannotRun = runReaderUnprivileged('--help').status !== 0 && 'an unprivileged user cannot read the checkout';

test("without root's rights owners are named, and setuid is not given to another owner", {
  skip: cannotRun,
}, async () => {
  using store = await TestStore.create();
  const files = [await store.addFile('theirs', 'x', { mode: 0o4755, uid: 1 })];
  const id = await store.addSnapshot(await store.addDirectory('', files));
  store.writePacks();
  execFileSync('chmod', ['-R', 'a+rwX', store.folder]);
  const out = join(store.folder, 'out');
  const run = runReaderUnprivileged(store.packs, '--kit', store.code, 'restore', id, '--to', out);
  assert.equal(run.status, 3);
  assert.match(run.stderr, /theirs: owner 1:\d+ not set, nor setuid and setgid/);
  assert.equal(statSync(join(out, 'theirs')).mode & 0o7777, 0o755);
});

test('names that lead out of the folder are refused, and no symlink of a snapshot is followed', async () => {
  using store = await TestStore.create();
  const outside = join(store.folder, 'outside');
  const evil = entry({ name: Buffer.from('door'), kind: EntryKind.symlink, linkTarget: Buffer.from(store.folder) });
  const through = await store.addDirectory('door', [await store.addFile('outside', 'x')]);
  const names = ['..', '.', 'a/../../outside', '', 'nul\0'];
  const entries: Entry[] = [];
  for (const name of names) entries.push(await store.addFile(name, 'x'));
  const up = await store.addDirectory('..', [await store.addFile('outside', 'x')]);
  const id = await store.addSnapshot(await store.addDirectory('', [...entries, up, evil, through]));
  store.writePacks();
  const { out, stderr } = restored(store, id, 3);
  assert.equal(existsSync(outside), false);
  assert.deepEqual(readdirSync(out), ['door']);
  assert.equal(stderr.match(/no file name/g)?.length, names.length + 1);
  assert.match(stderr, /door: not restored: EEXIST/);
});

test('a path in a snapshot is restored alone; a virtual root leaves the folder as it is', async () => {
  using store = await TestStore.create();
  const docs = await store.addDirectory('docs', [await store.addFile('a', 'A')], { mode: 0o751 });
  const root = await store.addDirectory('', [await store.addDirectory('home', [docs])], { mode: 0 });
  const id = await store.addSnapshot(root, { rootIsVirtual: true });
  store.writePacks();
  assert.equal(text(join(restored(store, id).out, 'home/docs/a')), 'A');
  const folder = restored(store, `${id}:home/docs`).out;
  assert.deepEqual([text(join(folder, 'a')), statSync(folder).mode & 0o777], ['A', 0o751]);
  assert.equal(text(join(restored(store, `${id}:/home/docs/a`).out, 'a')), 'A');
  const run = store.read('restore', `${id}:home/none`, '--to', join(store.folder, 'x'));
  assert.deepEqual([run.status, /There is no none/.test(run.stderr)], [1, true]);
});

test('a damaged record is named and costs its own files only', async () => {
  using store = await TestStore.create();
  const lost = await store.addDirectory('lost', [await store.addFile('in-lost', '3')]);
  const root = await store.addDirectory('', [await store.addFile('bad', '1'), await store.addFile('good', '2'), lost]);
  const id = await store.addSnapshot(root);
  const { leaves, nodes } = store.writePacks();
  flip(leaves.path, (leaves.offsets[1] ?? 0) + 100);
  flip(nodes.path, (nodes.offsets[0] ?? 0) + 100);
  const { out, stderr } = restored(store, id, 3);
  assert.ok(stderr.includes(`${leaves.path} at ${leaves.offsets[1]}: `), stderr);
  assert.match(stderr, /bad: not restored: content [0-9a-f]{40} is damaged in every pack that has it/);
  assert.match(stderr, /lost: entries are lost/);
  assert.deepEqual(readdirSync(out).sort(), ['good', 'lost']);
});

test('a second copy stands in for a damaged record', async () => {
  using store = await TestStore.create();
  const file = await store.addFile('file', 'twice');
  const again = store.leaves.slice();
  const first = store.writePacks();
  store.leaves.push(...again);
  const id = await store.addSnapshot(await store.addDirectory('', [file]));
  store.writePacks();
  flip(first.leaves.path, (first.leaves.offsets[0] ?? 0) + 100);
  const { out, stderr } = restored(store, id, 3);
  assert.equal(text(join(out, 'file')), 'twice');
  assert.match(stderr, /: skipped: /);
});

test('packs that still grew are read by walking, torn ends and all', async () => {
  using store = await TestStore.create();
  const files: Entry[] = [];
  for (let i = 0; i < 8; i++) files.push(await store.addFile(`f${i}`, `content ${i}`));
  const id = await store.addSnapshot(await store.addDirectory('', files));
  const { leaves } = store.writePacks(false);
  const torn = readFileSync(leaves.path);
  writeFileSync(leaves.path, Buffer.concat([torn, torn.subarray(64, 150)]));
  const { out, stderr } = restored(store, id);
  assert.equal(stderr, '');
  for (let i = 0; i < 8; i++) assert.equal(text(join(out, `f${i}`)), `content ${i}`);
});

test('an acknowledged record that is damaged at the end of an open pack is named', async () => {
  using store = await TestStore.create();
  const id = await store.addSnapshot(await store.addDirectory('', [await store.addFile('only', 'x')]));
  const { leaves } = store.writePacks(false);
  flip(leaves.path, (leaves.offsets[0] ?? 0) + 90);
  const { stderr } = restored(store, id, 3);
  assert.ok(stderr.includes(`${leaves.path} at ${leaves.offsets[0]}: skipped`), stderr);
});

test('damage in a pack without footer is stepped over; a damaged marker costs nothing', async () => {
  using store = await TestStore.create();
  const files: Entry[] = [];
  for (let i = 0; i < 9; i++) files.push(await store.addFile(`f${i}`, `content ${i}`));
  const id = await store.addSnapshot(await store.addDirectory('', files));
  const { leaves } = store.writePacks(false);
  flip(leaves.path, (leaves.offsets[3] ?? 0) - 50);
  flip(leaves.path, leaves.offsets[4] ?? 0);
  flip(leaves.path, (leaves.offsets[7] ?? 0) + 70);
  const { out, stderr } = restored(store, id, 3);
  assert.ok(stderr.includes(`${leaves.path} at ${leaves.offsets[4]}: `), stderr);
  assert.ok(stderr.includes(`${leaves.path} at ${leaves.offsets[7]}: `), stderr);
  assert.ok(!stderr.includes(`${leaves.path} at ${(leaves.offsets[3] ?? 0) - 128}: `), stderr);
  assert.deepEqual(readdirSync(out).sort(), ['f0', 'f1', 'f2', 'f3', 'f5', 'f6', 'f8']);
});

test('a truncated pack gives what is left of it, and every lost file is named', async () => {
  using store = await TestStore.create();
  const files: Entry[] = [];
  for (let i = 0; i < 7; i++) files.push(await store.addFile(`f${i}`, `content ${i}`));
  const id = await store.addSnapshot(await store.addDirectory('', files));
  const { leaves, nodes } = store.writePacks();
  writeFileSync(leaves.path, readFileSync(leaves.path).subarray(0, (leaves.offsets[5] ?? 0) + 60));
  flip(nodes.path, statSync(nodes.path).size - 10);
  const { out, stderr } = restored(store, id, 3);
  assert.deepEqual(readdirSync(out).sort(), ['f0', 'f1', 'f2', 'f3', 'f4']);
  assert.match(stderr, /f5: not restored: content [0-9a-f]{40} is in no pack/);
  assert.match(stderr, /f6: not restored/);
});

test('records of every data key of the keyring open; those of a foreign key are named', async () => {
  using store = await TestStore.create();
  using other = await TestStore.create();
  const before = await store.addFile('before', 'old key');
  store.rotate(2);
  const after = await store.addFile('after', 'new key');
  const id = await store.addSnapshot(await store.addDirectory('', [before, after]));
  await other.addSnapshot(await other.addDirectory('', []));
  store.writePacks();
  const { out } = restored(store, id);
  assert.deepEqual([text(join(out, 'before')), text(join(out, 'after'))], ['old key', 'new key']);
  store.nodes.push(...other.nodes);
  store.writePacks();
  const list = store.read();
  assert.equal(list.status, 3);
  assert.match(list.stderr, /sealed under key [0-9a-f]{16} of domain [0-9a-f]{16}/);
  assert.ok(list.stdout.startsWith(id.slice(0, 16)));
});

test('a kit opens by its code, by its page, with its passphrase; another one is refused by its id', async () => {
  using store = await TestStore.create('correct horse');
  using other = await TestStore.create();
  const id = await store.addSnapshot(await store.addDirectory('', []));
  store.writePacks();
  const page = join(store.folder, 'kit.txt');
  const passphrase = join(store.folder, 'passphrase');
  writeFileSync(page, await store.kitPage());
  writeFileSync(passphrase, 'correct horse\n');
  const list = (kit: string, ...more: string[]) => runReader(store.packs, '--kit', kit, ...more);
  for (const kit of [page, store.code, store.code.toLowerCase().replaceAll('-', ' ').replaceAll('0', 'o')]) {
    const run = list(kit, '--passphrase-file', passphrase);
    assert.equal(run.status, 0, run.stderr);
    assert.ok(run.stdout.startsWith(id.slice(0, 16)));
  }
  assert.equal(list(page).status, 2);
  writeFileSync(passphrase, 'wrong horse');
  const wrong = list(page, '--passphrase-file', passphrase);
  assert.deepEqual([wrong.status, /or its passphrase is another/.test(wrong.stderr)], [1, true], wrong.stderr);
  const foreign = list(other.code);
  assert.deepEqual([foreign.status, /sealed for the kits [0-9a-f]{16}; this is kit/.test(foreign.stderr)], [1, true]);
  const mistyped = list(store.code.replace(/-(.)/, (_, c: string) => `-${c === '7' ? '8' : '7'}`));
  assert.deepEqual([mistyped.status, /mistyped in group 2$/m.test(mistyped.stderr)], [1, true]);
});

test('nothing is restored into a folder that holds something, nor from a prefix of two snapshots', async () => {
  using store = await TestStore.create();
  const root = await store.addDirectory('', []);
  const ids = [];
  for (let i = 0; i < 17; i++) ids.push(await store.addSnapshot(root, { startedSeconds: i }));
  store.writePacks();
  const full = store.read('restore', ids[0] ?? '', '--to', store.folder);
  assert.deepEqual([full.status, /is not empty/.test(full.stderr)], [1, true]);
  const first = ids.map((id) => id[0]).find((digit, i, all) => all.indexOf(digit) !== i) ?? '';
  const ambiguous = store.read('restore', first, '--to', join(store.folder, 'x'));
  assert.deepEqual([ambiguous.status, /snapshots have an id that begins with/.test(ambiguous.stderr)], [1, true]);
  assert.equal(existsSync(join(store.folder, 'x')), false);
});

test('it says how it is used', () => {
  assert.deepEqual([runReader('--help').status, runReader('--help').stdout.includes('restore ID[:PATH]')], [0, true]);
  assert.equal(runReader().status, 2);
  assert.equal(runReader('folder', '--nonsense').status, 2);
  assert.equal(runReader('folder', '--kit', 'x', 'restore').status, 2);
});

const oldNode = ['/usr/bin/node', '/usr/local/bin/node'].find((path) => {
  const [major = 0, minor = 0] = (spawnSync(path, ['--version']).stdout?.toString().slice(1) ?? '99')
    .split('.')
    .map(Number);
  return major > 16 && major * 100 + minor < 2407;
});
test('an older Node is told what is needed', { skip: oldNode === undefined && 'needs an older Node' }, () => {
  const { status, stderr } = spawnSync(oldNode ?? '', [readerPath], { encoding: 'utf8' });
  assert.equal(status, 1);
  assert.match(stderr, /^This reader needs Node 24\.7 or later; this is v/);
});

function flip(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[at] = (bytes[at] ?? 0) ^ 0x40;
  writeFileSync(path, bytes);
}
