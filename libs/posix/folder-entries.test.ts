import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  closeFd,
  effectiveUser,
  linkAt,
  lstatBytes,
  mkdirAt,
  mknodAt,
  openAt,
  openFlag,
  readlinkAt,
  renameAt,
  rmdirAt,
  statAt,
  symlinkAt,
  unlinkAt,
} from './index.ts';
import { bytes, createFile, TestFolder } from './test-folder.ts';

const odd = bytes('\xff\xfe', 'latin1');

test('a folder is made and removed, and only an empty one', () => {
  using folder = new TestFolder();
  mkdirAt(folder.fd, odd, 0o700);
  assert.deepEqual([statAt(folder.fd, odd).kind, statAt(folder.fd, odd).mode], ['directory', 0o700]);
  assert.throws(() => mkdirAt(folder.fd, odd, 0o700), { code: 'EEXIST' });
  assert.throws(() => unlinkAt(folder.fd, odd), { code: 'EISDIR' });
  const inner = openAt(folder.fd, odd, openFlag.path | openFlag.directory);
  closeFd(createFile(inner, bytes('f')));
  assert.throws(() => rmdirAt(folder.fd, odd), { code: 'ENOTEMPTY' });
  unlinkAt(inner, bytes('f'));
  closeFd(inner);
  rmdirAt(folder.fd, odd);
  assert.throws(() => statAt(folder.fd, odd), { code: 'ENOENT' });
});

test('a rename moves between folders, and spares what is there when told', () => {
  using folder = new TestFolder();
  mkdirAt(folder.fd, bytes('to'), 0o755);
  const to = openAt(folder.fd, bytes('to'), openFlag.path | openFlag.directory);
  writeFileSync(join(folder.path, 'new'), 'new');
  writeFileSync(join(folder.path, 'to/old'), 'old');
  assert.throws(() => renameAt(folder.fd, bytes('new'), to, bytes('old'), { replace: false }), { code: 'EEXIST' });
  renameAt(folder.fd, bytes('new'), to, bytes('old'));
  assert.equal(readFileSync(join(folder.path, 'to/old'), 'utf8'), 'new');
  renameAt(to, bytes('old'), folder.fd, odd, { replace: false });
  assert.equal(statAt(folder.fd, odd).size, 3);
  closeFd(to);
});

test('a hard link is the same file; one to a symlink is the symlink', () => {
  using folder = new TestFolder();
  mkdirAt(folder.fd, bytes('to'), 0o755);
  const to = openAt(folder.fd, bytes('to'), openFlag.path | openFlag.directory);
  closeFd(createFile(folder.fd, bytes('f')));
  linkAt(folder.fd, bytes('f'), to, odd);
  assert.deepEqual(statAt(to, odd), statAt(folder.fd, bytes('f')));
  assert.equal(statAt(to, odd).links, 2);
  symlinkAt(bytes('f'), folder.fd, bytes('s'));
  linkAt(folder.fd, bytes('s'), to, bytes('s'));
  assert.equal(statAt(to, bytes('s')).kind, 'symlink');
  closeFd(to);
});

test('a symlink keeps any target bytes, up to the longest', () => {
  using folder = new TestFolder();
  for (const target of [bytes('/nowhere/\xe9\n', 'latin1'), new Uint8Array(4000).fill(0x61)]) {
    symlinkAt(target, folder.fd, odd);
    assert.deepEqual(readlinkAt(folder.fd, odd), target);
    unlinkAt(folder.fd, odd);
  }
  closeFd(createFile(folder.fd, odd));
  assert.throws(() => readlinkAt(folder.fd, odd), { code: 'EINVAL' });
});

const skip = effectiveUser().uid !== 0 && 'device nodes need root';

test('root makes device nodes with any numbers', { skip }, () => {
  using folder = new TestFolder();
  mknodAt(folder.fd, bytes('null'), 'char', 0o600, 1, 3);
  mknodAt(folder.fd, bytes('disk'), 'block', 0o640, 259, 70_000);
  const { kind, mode, rdevMajor, rdevMinor } = statAt(folder.fd, bytes('disk'));
  assert.deepEqual([kind, mode, rdevMajor, rdevMinor], ['block', 0o640, 259, 70_000]);
  const made = statAt(folder.fd, bytes('null'));
  const real = lstatBytes(bytes('/dev/null'));
  assert.deepEqual([made.kind, made.rdevMajor, made.rdevMinor], [real.kind, real.rdevMajor, real.rdevMinor]);
});
