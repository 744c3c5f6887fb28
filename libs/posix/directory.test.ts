import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { compareBytes } from '#runtime';
import {
  closeFd,
  linkAt,
  mkdirAt,
  mknodAt,
  openAt,
  openFlag,
  readDirectory,
  readDirectoryBatches,
  statAt,
  unlinkAt,
} from './index.ts';
import { bytes, createFile, TestFolder } from './test-folder.ts';

test('names come back byte for byte: not UTF-8, of 255 bytes, with spaces and line ends', () => {
  using folder = new TestFolder();
  const names = [
    bytes('caf\xe9', 'latin1'),
    new Uint8Array(255).fill(0xff),
    bytes(' \n'),
    bytes('...'),
    bytes('.a'),
    bytes('日本語'),
  ];
  for (const name of names) closeFd(createFile(folder.fd, name));
  const found = readDirectory(folder.fd).map((entry) => entry.name);
  assert.deepEqual(found.sort(compareBytes), names.sort(compareBytes));
});

test('entries tell their type', () => {
  using folder = new TestFolder();
  writeFileSync(join(folder.path, 'file'), '');
  mkdirSync(join(folder.path, 'folder'));
  symlinkSync('file', join(folder.path, 'link'));
  mknodAt(folder.fd, bytes('fifo'), 'fifo', 0o600);
  const types = new Map(readDirectory(folder.fd).map(({ name, type }) => [Buffer.from(name).toString(), type]));
  assert.deepEqual(Object.fromEntries(types), {
    file: 'file',
    folder: 'directory',
    link: 'symlink',
    fifo: 'fifo',
  });
});

test('20,000 names arrive in batches, complete, and the folder can be read again', () => {
  using folder = new TestFolder();
  closeFd(createFile(folder.fd, bytes('0')));
  // Second names of one file are quicker to make than files.
  for (let i = 1; i < 20_000; i++) linkAt(folder.fd, bytes('0'), folder.fd, bytes(String(i)));
  let largest = 0;
  let batches = 0;
  const names = new Set<string>();
  for (const batch of readDirectoryBatches(folder.fd)) {
    batches++;
    largest = Math.max(largest, batch.length);
    for (const { name } of batch) names.add(Buffer.from(name).toString());
  }
  assert.equal(names.size, 20_000);
  assert(batches > 5 && largest <= 2731, `${batches} batches of up to ${largest}`);
  assert.deepEqual(names, new Set(readdirSync(folder.path)));
  assert.equal(readDirectory(folder.fd).length, 20_000);
});

test('between two batches other calls may be made, also ones that change the folder', () => {
  using folder = new TestFolder();
  closeFd(createFile(folder.fd, bytes('first')));
  for (let i = 1; i < 3000; i++) linkAt(folder.fd, bytes('first'), folder.fd, bytes(`some-longer-name-${i}`));
  let seen = 0;
  for (const batch of readDirectoryBatches(folder.fd)) {
    for (const { name } of batch) {
      assert.equal(statAt(folder.fd, name).kind, 'file');
      unlinkAt(folder.fd, name);
      seen++;
    }
  }
  assert.equal(seen, 3000);
  assert.deepEqual(readDirectory(folder.fd), []);
});

test('a tree deeper than 4096 bytes of path is made and read through its folders', () => {
  using folder = new TestFolder();
  const name = new Uint8Array(255).fill(0xe9);
  const levels = 20; // 5,120 bytes of path
  const descend = (dirFd: number, make: boolean) => {
    if (make) mkdirAt(dirFd, name, 0o755);
    const inner = openAt(dirFd, name, openFlag.read | openFlag.directory);
    if (dirFd !== folder.fd) closeFd(dirFd);
    return inner;
  };
  let inner = folder.fd;
  for (let level = 0; level < levels; level++) inner = descend(inner, true);
  closeFd(createFile(inner, bytes('deepest')));
  closeFd(inner);
  inner = folder.fd;
  for (let level = 0; level < levels; level++) inner = descend(inner, false);
  assert.deepEqual(readDirectory(inner), [{ name: bytes('deepest'), type: 'file' }]);
  assert.equal(statAt(inner, bytes('deepest')).size, 0);
  closeFd(inner);
});

test('reading what is no folder is an error', () => {
  using folder = new TestFolder();
  const fd = createFile(folder.fd, bytes('f'));
  assert.throws(() => readDirectory(fd), { code: 'ENOTDIR', syscall: 'getdents64' });
  closeFd(fd);
});
