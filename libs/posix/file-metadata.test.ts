import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  closeFd,
  currentFolder,
  effectiveUser,
  fchmodAt,
  fchownAt,
  fstatFd,
  futimens,
  openAt,
  openFlag,
  statAt,
  symlinkAt,
  utimensAt,
} from './index.ts';
import { bytes, createFile, TestFolder } from './test-folder.ts';

const name = bytes('f\xff', 'latin1');

test('an mtime is kept to the nanosecond: now, before 1970 and past 2038', () => {
  using folder = new TestFolder();
  closeFd(createFile(folder.fd, name));
  for (const mtimeS of [1_795_524_318, 0, -1, -86_400 * 365 * 60, 2 ** 31, 2 ** 32 + 7]) {
    for (const mtimeNs of [0, 1, 123_456_789, 999_999_999]) {
      utimensAt(folder.fd, name, { mtimeS, mtimeNs });
      const status = statAt(folder.fd, name);
      assert.deepEqual([status.mtimeS, status.mtimeNs], [mtimeS, mtimeNs]);
    }
  }
});

test('the atime stays unless it is given', () => {
  using folder = new TestFolder();
  const fd = createFile(folder.fd, name);
  futimens(fd, { atimeS: -7, atimeNs: 5, mtimeS: 8, mtimeNs: 6 });
  futimens(fd, { mtimeS: 9, mtimeNs: 7 });
  const { atimeS, atimeNs, mtimeS, mtimeNs } = fstatFd(fd);
  assert.deepEqual({ atimeS, atimeNs, mtimeS, mtimeNs }, { atimeS: -7, atimeNs: 5, mtimeS: 9, mtimeNs: 7 });
  closeFd(fd);
});

test('times of a symlink are its own, unless it is to be followed', () => {
  using folder = new TestFolder();
  closeFd(createFile(folder.fd, name));
  symlinkAt(name, folder.fd, bytes('link'));
  utimensAt(folder.fd, name, { mtimeS: 1, mtimeNs: 1 });
  utimensAt(folder.fd, bytes('link'), { mtimeS: 2, mtimeNs: 2 });
  assert.deepEqual([statAt(folder.fd, name).mtimeS, statAt(folder.fd, bytes('link')).mtimeS], [1, 2]);
  utimensAt(folder.fd, bytes('link'), { mtimeS: 3, mtimeNs: 3 }, { follow: true });
  assert.deepEqual([statAt(folder.fd, name).mtimeS, statAt(folder.fd, bytes('link')).mtimeS], [3, 2]);
});

test('what is no time is refused, and does not become another time', () => {
  using folder = new TestFolder();
  closeFd(createFile(folder.fd, name));
  for (const times of [
    { mtimeS: 2 ** 60, mtimeNs: 0 },
    { mtimeS: 0.5, mtimeNs: 0 },
    { mtimeS: 0, mtimeNs: 1_000_000_000 },
    { mtimeS: 0, mtimeNs: -1 },
    { mtimeS: 0, mtimeNs: 0x3ffffffe }, // UTIME_OMIT
    { mtimeS: 0, mtimeNs: 0, atimeS: Number.NaN },
  ]) {
    assert.throws(() => utimensAt(folder.fd, name, times), { code: 'EINVAL', path: name });
  }
});

const tmpfs = '/dev/shm';
const hasTmpfs = existsSync(tmpfs) && statfsSync(tmpfs).type === 0x01021994;

test('the widest times survive where the file system holds them', { skip: !hasTmpfs && 'no tmpfs' }, () => {
  const path = mkdtempSync(join(tmpfs, 'posix-'));
  try {
    for (const mtimeS of [Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, -(2 ** 32), -(2 ** 33) - 5]) {
      utimensAt(currentFolder, bytes(path), { mtimeS, mtimeNs: 999_999_999 });
      assert.equal(statAt(currentFolder, bytes(path)).mtimeS, mtimeS);
    }
  } finally {
    rmSync(path, { recursive: true });
  }
});

test('permission bits are set on the file and never through a symlink', () => {
  using folder = new TestFolder();
  closeFd(createFile(folder.fd, name));
  symlinkAt(name, folder.fd, bytes('link'));
  fchmodAt(folder.fd, name, 0o4751);
  assert.equal(statAt(folder.fd, name).mode, 0o4751);
  assert.throws(() => fchmodAt(folder.fd, bytes('link'), 0o777), { code: 'ENOTSUP' });
  assert.equal(statAt(folder.fd, name).mode, 0o4751);
});

test('an owner that is no number is refused', () => {
  using folder = new TestFolder();
  closeFd(createFile(folder.fd, name));
  for (const uid of [-1, 2 ** 32 - 1, 2 ** 32, 0.5]) {
    assert.throws(() => fchownAt(folder.fd, name, uid, 0), { code: 'EINVAL' });
  }
  const { uid, gid } = effectiveUser();
  fchownAt(folder.fd, name, uid, gid);
  assert.equal(statAt(folder.fd, name).uid, uid);
});

const skip = effectiveUser().uid !== 0 && 'changing owners needs root';

test('root gives a symlink an owner of its own, up to the highest number', { skip }, () => {
  using folder = new TestFolder();
  closeFd(createFile(folder.fd, name));
  symlinkAt(name, folder.fd, bytes('link'));
  fchownAt(folder.fd, bytes('link'), 0xfffffffe, 70_000);
  const link = statAt(folder.fd, bytes('link'));
  assert.deepEqual([link.uid, link.gid, statAt(folder.fd, name).uid], [0xfffffffe, 70_000, 0]);
});

test('an O_PATH descriptor of a folder is enough for all of it', () => {
  using folder = new TestFolder();
  closeFd(createFile(folder.fd, name));
  const handle = openAt(folder.fd, bytes('.'), openFlag.path | openFlag.directory);
  fchmodAt(handle, name, 0o600);
  utimensAt(handle, name, { mtimeS: 5, mtimeNs: 5 });
  assert.deepEqual([statAt(handle, name).mode, statAt(handle, name).mtimeS], [0o600, 5]);
  closeFd(handle);
});
