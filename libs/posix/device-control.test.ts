import assert from 'node:assert/strict';
import { writeSync } from 'node:fs';
import { test } from 'node:test';
import { closeFd, ioctl, mknodAt, openAt, openFlag } from './index.ts';
import { posixError } from './libc.ts';
import { bytes, createFile, TestFolder } from './test-folder.ts';

const fionread = 0x541b;

test('a driver fills in the bytes it is given', () => {
  using folder = new TestFolder();
  mknodAt(folder.fd, bytes('pipe'), 'fifo', 0o600);
  const pipe = openAt(folder.fd, bytes('pipe'), openFlag.readWrite | openFlag.nonBlock);
  writeSync(pipe, 'seven..');
  assert.deepEqual(ioctl(pipe, fionread, new Uint8Array(4)), Uint8Array.of(7, 0, 0, 0));
  closeFd(pipe);
});

test('a request that the device does not know is an error', () => {
  using folder = new TestFolder();
  const fd = createFile(folder.fd, bytes('f'));
  const mtGet = 0x80306d02; // a tape's
  assert.throws(() => ioctl(fd, mtGet, new Uint8Array(48)), { code: 'ENOTTY', syscall: 'ioctl' });
  closeFd(fd);
});

test('errors that Node has no name for have their Linux name', () => {
  assert.deepEqual(
    [95, 117, 122, 9999].map((errno) => posixError('x', errno).code),
    ['ENOTSUP', 'EUCLEAN', 'EDQUOT', 'E9999'],
  );
  assert.match(posixError('fsync', 117, bytes('f')).message, /^EUCLEAN: .*clean.*, fsync "f"$/i);
});
