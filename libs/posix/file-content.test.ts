import assert from 'node:assert/strict';
import { readSync, writeSync } from 'node:fs';
import { test } from 'node:test';
import {
  closeFd,
  dataRanges,
  fstatFd,
  ftruncate,
  mknodAt,
  openAt,
  openFlag,
  posixFadvise,
  punchHole,
  seekData,
  seekHole,
  syncFileSystem,
} from './index.ts';
import { bytes, createFile, TestFolder } from './test-folder.ts';

const mebi = 2 ** 20;

/** A file of 64 MiB with 64 KiB of data at 1 MiB and at 32 MiB. */
function sparseFile(folder: TestFolder): number {
  const fd = createFile(folder.fd, bytes('sparse'));
  ftruncate(fd, 64 * mebi);
  for (const at of [mebi, 32 * mebi]) writeSync(fd, new Uint8Array(65_536).fill(1), 0, 65_536, at);
  return fd;
}

test('the data of a sparse file is found, and its holes are not', (context) => {
  using folder = new TestFolder();
  const fd = sparseFile(folder);
  if (seekHole(fd, 0) !== 0) return context.skip('the file system for temporary files knows no holes');
  assert.deepEqual(
    [...dataRanges(fd, 64 * mebi)],
    [
      { start: mebi, end: mebi + 65_536 },
      { start: 32 * mebi, end: 32 * mebi + 65_536 },
    ],
  );
  assert.equal(seekData(fd, 33 * mebi), undefined);
  assert.equal(seekHole(fd, mebi), mebi + 65_536);
  assert.equal(seekHole(fd, 64 * mebi), undefined);
  assert.deepEqual([...dataRanges(fd, 32 * mebi + 100)].at(-1), { start: 32 * mebi, end: 32 * mebi + 100 });
  closeFd(fd);
});

test('a file without holes, and an empty one, are one range and none', () => {
  using folder = new TestFolder();
  const fd = createFile(folder.fd, bytes('dense'));
  assert.deepEqual([...dataRanges(fd, 0)], []);
  writeSync(fd, 'five!');
  assert.deepEqual([...dataRanges(fd, 5)], [{ start: 0, end: 5 }]);
  // The walk says 9 bytes, the file was cut since: what is there comes, and then it ends.
  assert.deepEqual([...dataRanges(fd, 9)], [{ start: 0, end: 5 }]);
  closeFd(fd);
});

test('a punched hole reads as zeros, takes no space and keeps the size', (context) => {
  using folder = new TestFolder();
  const fd = createFile(folder.fd, bytes('f'));
  writeSync(fd, new Uint8Array(mebi).fill(7));
  syncFileSystem(fd); // delayed allocation counts no blocks before
  const before = fstatFd(fd).blocks;
  if (!punchHole(fd, 0, mebi / 2)) return context.skip('the file system for temporary files punches no holes');
  assert.equal(fstatFd(fd).size, mebi);
  assert(fstatFd(fd).blocks < before);
  const byte = new Uint8Array(1);
  readSync(fd, byte, 0, 1, mebi / 2 - 1);
  assert.deepEqual(byte, Uint8Array.of(0));
  readSync(fd, byte, 0, 1, mebi / 2);
  assert.deepEqual(byte, Uint8Array.of(7));
  closeFd(fd);
});

test('advice about the page cache is taken for files and refused for pipes', () => {
  using folder = new TestFolder();
  const fd = createFile(folder.fd, bytes('f'));
  posixFadvise(fd, 0, 0, 'sequential');
  posixFadvise(fd, 0, 4096, 'dontneed');
  closeFd(fd);
  mknodAt(folder.fd, bytes('pipe'), 'fifo', 0o600);
  const pipe = openAt(folder.fd, bytes('pipe'), openFlag.read | openFlag.nonBlock);
  assert.throws(() => posixFadvise(pipe, 0, 0, 'dontneed'), { code: 'ESPIPE', syscall: 'posix_fadvise' });
  closeFd(pipe);
});

test('cutting a read-only file is an error', () => {
  using folder = new TestFolder();
  closeFd(createFile(folder.fd, bytes('f')));
  const fd = openAt(folder.fd, bytes('f'), openFlag.read);
  assert.throws(() => ftruncate(fd, 0), { code: 'EINVAL', syscall: 'ftruncate' });
  assert.throws(() => seekData(-1, 0), { code: 'EBADF' });
  closeFd(fd);
});
