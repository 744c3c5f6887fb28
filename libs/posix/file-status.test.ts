import assert from 'node:assert/strict';
import { closeSync, existsSync, lstatSync, mkdtempSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  closeFd,
  fstatFd,
  ftruncate,
  isPosixError,
  lstatBytes,
  mknodAt,
  openAt,
  openFlag,
  statAt,
  symlinkAt,
} from './index.ts';
import { bytes, createFile, TestFolder } from './test-folder.ts';

test('a status has the same facts as Node gives', () => {
  using folder = new TestFolder();
  const fd = createFile(folder.fd, bytes('f'));
  writeSync(fd, 'twelve bytes');
  closeFd(fd);
  const node = lstatSync(join(folder.path, 'f'), { bigint: true });
  const ours = statAt(folder.fd, bytes('f'));
  assert.deepEqual(ours, {
    kind: 'file',
    mode: Number(node.mode) & 0o7777,
    uid: Number(node.uid),
    gid: Number(node.gid),
    size: 12,
    blocks: Number(node.blocks),
    links: 1,
    device: Number(node.dev),
    inode: node.ino,
    atimeS: Number(node.atimeNs / 1_000_000_000n),
    atimeNs: Number(node.atimeNs % 1_000_000_000n),
    mtimeS: Number(node.mtimeNs / 1_000_000_000n),
    mtimeNs: Number(node.mtimeNs % 1_000_000_000n),
    ctimeS: Number(node.ctimeNs / 1_000_000_000n),
    ctimeNs: Number(node.ctimeNs % 1_000_000_000n),
    rdevMajor: 0,
    rdevMinor: 0,
  });
  assert.deepEqual(lstatBytes(bytes(join(folder.path, 'f'))), ours);
});

test('a symlink is told as itself unless it is to be followed', () => {
  using folder = new TestFolder();
  symlinkAt(bytes('.'), folder.fd, bytes('link'));
  assert.equal(statAt(folder.fd, bytes('link')).kind, 'symlink');
  assert.equal(statAt(folder.fd, bytes('link'), { follow: true }).kind, 'directory');
});

test('every kind of file is told apart, through an O_PATH descriptor too', () => {
  using folder = new TestFolder();
  mknodAt(folder.fd, bytes('pipe'), 'fifo', 0o600);
  mknodAt(folder.fd, bytes('socket'), 'socket', 0o600);
  const handle = openAt(folder.fd, bytes('pipe'), openFlag.path);
  assert.equal(fstatFd(handle).kind, 'fifo');
  closeFd(handle);
  assert.equal(statAt(folder.fd, bytes('socket')).kind, 'socket');
  assert.equal(fstatFd(folder.fd).kind, 'directory');
  const zero = lstatBytes(bytes('/dev/null'));
  assert.deepEqual([zero.kind, zero.rdevMajor, zero.rdevMinor], ['char', 1, 3]);
});

test('a missing file is an error with its code and its raw name, quoted in the message', () => {
  using folder = new TestFolder();
  const name = bytes('gone\n\xff', 'latin1');
  assert.throws(
    () => statAt(folder.fd, name),
    (error) => {
      assert(isPosixError(error, 'ENOENT'));
      assert.deepEqual([error.errno, error.syscall, error.path], [-2, 'statx', name]);
      assert(!error.message.includes('\n'));
      return true;
    },
  );
});

test('a name with a zero byte is refused, not cut short to another name', () => {
  using folder = new TestFolder();
  closeFd(createFile(folder.fd, bytes('a')));
  assert.throws(() => statAt(folder.fd, bytes('a\0b')), { code: 'EINVAL' });
  assert.throws(() => statAt(folder.fd, new Uint8Array(4096).fill(97)), { code: 'ENAMETOOLONG' });
});

const tmpfsMagic = 0x01021994;
const tmpfs = '/dev/shm';
const hasTmpfs = existsSync(tmpfs) && statfsSync(tmpfs).type === tmpfsMagic;

test('a size beyond exact numbers is an error, not a rounded size', { skip: !hasTmpfs && 'no tmpfs' }, () => {
  const folder = mkdtempSync(join(tmpfs, 'posix-'));
  const fd = openSync(join(folder, 'huge'), 'w');
  try {
    ftruncate(fd, Number.MAX_SAFE_INTEGER);
    assert.equal(fstatFd(fd).size, Number.MAX_SAFE_INTEGER);
    ftruncate(fd, 2 ** 60);
    assert.throws(() => fstatFd(fd), { code: 'EOVERFLOW' });
  } finally {
    closeSync(fd);
    rmSync(folder, { recursive: true });
  }
});
