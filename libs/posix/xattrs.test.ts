import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  closeFd,
  effectiveUser,
  fchmodAt,
  getXattr,
  isPosixError,
  listXattrs,
  mkdirAt,
  openAt,
  openFlag,
  readXattrs,
  removeXattr,
  setXattr,
  statAt,
  symlinkAt,
  type XattrPlace,
} from './index.ts';
import { bytes, createFile, TestFolder } from './test-folder.ts';

const name = bytes('f\xff', 'latin1');
const noRoot = effectiveUser().uid !== 0 && 'needs root';

/** Why attributes of this namespace cannot be tried where temporary files lie; false when they can. */
function missing(attribute: string, value: Uint8Array): string | false {
  using folder = new TestFolder();
  closeFd(createFile(folder.fd, name));
  try {
    setXattr({ dirFd: folder.fd, name }, bytes(attribute), value);
    return false;
  } catch (error) {
    if (isPosixError(error, 'ENOTSUP')) return `the file system for temporary files has no ${attribute}`;
    throw error;
  }
}

const noUser = missing('user.probe', bytes('x'));

test('names and values are bytes of any kind, empty ones too', { skip: noUser }, () => {
  using folder = new TestFolder();
  const fd = createFile(folder.fd, name);
  const places: XattrPlace[] = [fd, { dirFd: folder.fd, name }];
  for (const place of places) {
    setXattr(place, bytes('user.caf\xe9', 'latin1'), Uint8Array.of(0, 255, 0));
    setXattr(place, bytes('user.empty'), new Uint8Array(0));
    const found = readXattrs(place).filter((one) => Buffer.from(one.name).toString().startsWith('user.'));
    assert.deepEqual(
      found.sort((a, b) => Buffer.compare(a.name, b.name)),
      [
        { name: bytes('user.caf\xe9', 'latin1'), value: Uint8Array.of(0, 255, 0) },
        { name: bytes('user.empty'), value: new Uint8Array(0) },
      ],
    );
  }
  closeFd(fd);
});

test('a value is replaced, removed, and then simply not there', { skip: noUser }, () => {
  using folder = new TestFolder();
  const fd = createFile(folder.fd, name);
  const key = bytes('user.key');
  setXattr(fd, key, bytes('one'));
  setXattr(fd, key, bytes('two'));
  assert.deepEqual(getXattr(fd, key), bytes('two'));
  assert.equal(removeXattr(fd, key), true);
  assert.equal(removeXattr(fd, key), false);
  assert.equal(getXattr(fd, key), undefined);
  closeFd(fd);
});

test('a handle that may not read the file is enough to see its attributes', { skip: noUser }, () => {
  using folder = new TestFolder();
  mkdirAt(folder.fd, name, 0o755);
  setXattr({ dirFd: folder.fd, name }, bytes('user.on'), bytes('folder'));
  const handle = openAt(folder.fd, name, openFlag.path);
  assert.deepEqual(getXattr(handle, bytes('user.on')), bytes('folder'));
  closeFd(handle);
});

test('attributes of a file below 4096 bytes of path are reached', { skip: noUser }, () => {
  using folder = new TestFolder();
  let inner = openAt(folder.fd, bytes('.'), openFlag.path | openFlag.directory);
  for (let level = 0; level < 18; level++) {
    mkdirAt(inner, new Uint8Array(255).fill(0x64), 0o755);
    const next = openAt(inner, new Uint8Array(255).fill(0x64), openFlag.path | openFlag.directory);
    closeFd(inner);
    inner = next;
  }
  closeFd(createFile(inner, name));
  setXattr({ dirFd: inner, name }, bytes('user.deep'), bytes('yes'));
  assert.deepEqual(getXattr({ dirFd: inner, name }, bytes('user.deep')), bytes('yes'));
  closeFd(inner);
});

test('a symlink is never followed: it has attributes of its own or none', () => {
  using folder = new TestFolder();
  const fd = createFile(folder.fd, name);
  symlinkAt(name, folder.fd, bytes('link'));
  const link = { dirFd: folder.fd, name: bytes('link') };
  assert.throws(() => setXattr(link, bytes('user.key'), bytes('x')), { syscall: 'setxattr' });
  if (noRoot === false && missing('trusted.probe', bytes('x')) === false) {
    setXattr(link, bytes('trusted.key'), bytes('of the link'));
    assert.deepEqual(getXattr(link, bytes('trusted.key')), bytes('of the link'));
    assert.equal(getXattr(fd, bytes('trusted.key')), undefined);
  }
  closeFd(fd);
});

test('files without attributes, and file systems without any, have an empty list', () => {
  using folder = new TestFolder();
  closeFd(createFile(folder.fd, name));
  assert.deepEqual(
    listXattrs({ dirFd: folder.fd, name }).filter((one) => Buffer.from(one).toString().startsWith('user.')),
    [],
  );
  const proc = openAt(-100, bytes('/proc/self/status'), openFlag.read);
  assert.deepEqual(listXattrs(proc), []);
  closeFd(proc);
});

test('errors name the file and say what is wrong', () => {
  using folder = new TestFolder();
  assert.throws(() => listXattrs({ dirFd: folder.fd, name }), { code: 'ENOENT', path: name });
  assert.throws(() => listXattrs(-1), { code: 'EBADF' });
  closeFd(createFile(folder.fd, name));
  const place = { dirFd: folder.fd, name };
  assert.throws(() => setXattr(place, bytes('user.big'), new Uint8Array(65_537)), { code: 'E2BIG' });
  assert.throws(() => setXattr(place, bytes('nonsense'), new Uint8Array(1)), { code: 'ENOTSUP' });
});

// struct vfs_ns_cap_data, revision 2: cap_net_raw permitted and effective.
const capability = Buffer.from('0100000200200000000000000000000000000000', 'hex');

test('root sets a capability', { skip: noRoot }, (context) => {
  const reason = missing('security.capability', capability);
  if (reason !== false) return context.skip(reason);
  using folder = new TestFolder();
  closeFd(createFile(folder.fd, name));
  setXattr({ dirFd: folder.fd, name }, bytes('security.capability'), capability);
  assert.deepEqual(getXattr({ dirFd: folder.fd, name }, bytes('security.capability')), new Uint8Array(capability));
});

// struct posix_acl_xattr: version 2, then {tag, permission, id}: owner rw-, user 1000 r--, group r--, mask r--, other ---.
const acl = Buffer.from(
  '02000000' + '01000600ffffffff' + '02000400e8030000' + '04000400ffffffff' + '10000400ffffffff' + '20000000ffffffff',
  'hex',
);

test('an ACL is kept, and shows in the group bits of the mode', (context) => {
  const reason = missing('system.posix_acl_access', acl);
  if (reason !== false) return context.skip(reason);
  using folder = new TestFolder();
  closeFd(createFile(folder.fd, name));
  fchmodAt(folder.fd, name, 0o600);
  setXattr({ dirFd: folder.fd, name }, bytes('system.posix_acl_access'), acl);
  assert.deepEqual(readXattrs({ dirFd: folder.fd, name }), [
    { name: bytes('system.posix_acl_access'), value: new Uint8Array(acl) },
  ]);
  assert.equal(statAt(folder.fd, name).mode, 0o640);
  mkdirAt(folder.fd, bytes('d'), 0o755);
  setXattr({ dirFd: folder.fd, name: bytes('d') }, bytes('system.posix_acl_default'), acl);
  assert.deepEqual(
    getXattr({ dirFd: folder.fd, name: bytes('d') }, bytes('system.posix_acl_default')),
    new Uint8Array(acl),
  );
});
