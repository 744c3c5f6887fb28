import { randomBytes } from 'node:crypto';
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import {
  closeFd,
  currentFolder,
  effectiveUser,
  fchmodAt,
  fchownAt,
  ftruncate,
  linkAt,
  mkdirAt,
  mknodAt,
  openAt,
  openFlag,
  setXattr,
  symlinkAt,
  utimensAt,
} from '#posix';

export interface CorpusOptions {
  /** Also what only root can make: devices, capabilities, files of other owners. */
  readonly root: boolean;
  /** Paths past 4096 bytes (default true): GNU tar cannot make them. */
  readonly longPaths?: boolean;
}

const mebibyte = 1_048_576;
const folderFlags = openFlag.read | openFlag.directory;

/** Makes `folder` with a small tree that has every kind of file and name, and every attribute, that a backup can meet. */
export function makeCorpus(folder: string, { root, longPaths = true }: CorpusOptions): void {
  mkdirSync(folder);
  const top = openAt(currentFolder, Buffer.from(folder), folderFlags);
  try {
    contents(folder);
    links(folder, top);
    specialFiles(top, root);
    names(top);
    deepPaths(top, longPaths);
    attributes(top, root);
    // Last: everything above changed the times of folders.
    times(top);
  } finally {
    closeFd(top);
  }
}

export function isRoot(): boolean {
  return effectiveUser().uid === 0;
}

function contents(folder: string): void {
  const at = (name: string) => join(folder, name);
  mkdirSync(at('contents'));
  writeFileSync(at('contents/empty'), '');
  writeFileSync(at('contents/small.txt'), 'one line\n');
  writeFileSync(at('contents/large.bin'), randomBytes(5 * mebibyte + 17));
  writeFileSync(at('contents/compressible.log'), 'the same line again and again\n'.repeat(60_000));
  writeFileSync(at('contents/zeros'), Buffer.alloc(3 * mebibyte + 1));
  mkdirSync(at('contents/empty folder'));
  for (let i = 0; i < 300; i++) writeFileSync(at(`contents/many-${i}`), `file number ${i}\n`.repeat(i % 7));
  sparse(at('contents/sparse'), 40 * mebibyte, [0, 9 * mebibyte + 4096, 33 * mebibyte]);
  sparse(at('contents/only-a-hole'), 12 * mebibyte, []);
  sparse(at('contents/many-small-holes'), 2 * mebibyte, [0, 65_536, 131_072, 524_288, 1_900_000]);
  mkdirSync(at('cache'));
  writeFileSync(at('cache/CACHEDIR.TAG'), 'Signature: 8a477f597d28d172789f06886806bc55\n# made by a test\n');
  writeFileSync(at('cache/thumbnail'), 'can be made anew');
}

function sparse(path: string, size: number, islands: readonly number[]): void {
  const fd = openSync(path, 'w');
  for (const offset of islands) writeSync(fd, randomBytes(5000), 0, 5000, offset);
  ftruncate(fd, size);
  closeSync(fd);
}

function links(folder: string, top: number): void {
  mkdirSync(join(folder, 'links'));
  mkdirSync(join(folder, 'a-first'));
  writeFileSync(join(folder, 'links/one'), randomBytes(300_000));
  inFolder(top, 'links', (links) => {
    linkAt(links, bytes('one'), links, bytes('two'));
    inFolder(top, 'a-first', (first) => linkAt(links, bytes('one'), first, bytes('three')));
    symlinkAt(bytes('one'), links, bytes('relative'));
    symlinkAt(bytes('/nowhere/at/all'), links, bytes('dangling'));
    symlinkAt(bytes('..'), links, bytes('to-a-folder'));
    symlinkAt(Buffer.from([0x66, 0xff, 0xfe]), links, bytes('to-bytes'));
    symlinkAt(Buffer.alloc(4000, 'x'), links, bytes('long-target'));
    linkAt(links, bytes('dangling'), links, bytes('second-name-of-a-symlink'));
  });
}

function specialFiles(top: number, root: boolean): void {
  mkdirAt(top, bytes('special'), 0o755);
  inFolder(top, 'special', (special) => {
    mknodAt(special, bytes('fifo'), 'fifo', 0o640);
    mknodAt(special, bytes('socket'), 'socket', 0o600);
    if (!root) return;
    mknodAt(special, bytes('character'), 'char', 0o600, 1, 3);
    mknodAt(special, bytes('block'), 'block', 0o660, 259, 1_048_575);
  });
}

function names(top: number): void {
  mkdirAt(top, bytes('names'), 0o755);
  inFolder(top, 'names', (names) => {
    const odd = [
      'with space',
      'new\nline',
      '-rf',
      '.hidden',
      '...',
      'quote"\'`$(x)',
      'back\\slash',
      'ümläut',
      '雪',
      'café',
    ];
    for (const name of odd) makeFile(names, bytes(name), 'odd');
    makeFile(names, Buffer.from([0x6e, 0x6f, 0xff, 0x80, 0xc3]), 'not UTF-8');
    makeFile(names, Buffer.from([0x01, 0x1b, 0x5b, 0x33, 0x31, 0x6d]), 'control characters');
    makeFile(names, Buffer.alloc(255, 'n'), '255 bytes');
    makeFile(names, Buffer.alloc(254, 'é'), '254 bytes, 127 characters');
  });
}

function deepPaths(top: number, longPaths: boolean): void {
  mkdirAt(top, bytes('deep'), 0o755);
  // 20 x 251 bytes: no path of 4096 bytes reaches the file. And more levels than descriptors that are kept open.
  makeDeep(top, 'deep', longPaths ? 20 : 15, Buffer.alloc(250, 'd'));
  makeDeep(top, 'deep', 230, bytes('e'));
}

function makeDeep(top: number, start: string, levels: number, name: Uint8Array): void {
  let at = openAt(top, bytes(start), folderFlags);
  for (let level = 0; level < levels; level++) {
    mkdirAt(at, name, 0o755);
    const below = openAt(at, name, folderFlags);
    closeFd(at);
    at = below;
  }
  makeFile(at, bytes('bottom'), 'down here');
  closeFd(at);
}

// struct posix_acl_xattr: version 2, then tag, permissions and id of each entry; user 1234 may read and write.
const acl = (mask: number) =>
  Buffer.from(
    `02000000 0100 0600 ffffffff 0200 0600 d2040000 0400 0400 ffffffff 1000 0${mask}00 ffffffff 2000 0400 ffffffff`.replaceAll(
      ' ',
      '',
    ),
    'hex',
  );
// struct vfs_cap_data: revision 2, effective; permitted cap_net_raw.
const capability = Buffer.from('0100000200200000000000000000000000000000', 'hex');

function attributes(top: number, root: boolean): void {
  mkdirAt(top, bytes('attributes'), 0o755);
  inFolder(top, 'attributes', (folder) => {
    for (const [name, mode] of Object.entries({ setuid: 0o4755, setgid: 0o2755, 'read-only': 0o444, wide: 0o777 })) {
      makeFile(folder, bytes(name), name);
      fchmodAt(folder, bytes(name), mode);
    }
    makeFile(folder, bytes('xattrs'), 'x');
    const xattrs = { dirFd: folder, name: bytes('xattrs') };
    setXattr(xattrs, bytes('user.comment'), bytes('a comment'));
    setXattr(xattrs, bytes('user.empty'), bytes(''));
    setXattr(xattrs, bytes('user.binary'), randomBytes(1500));
    makeFile(folder, bytes('acl'), 'x');
    fchmodAt(folder, bytes('acl'), 0o664);
    setXattr({ dirFd: folder, name: bytes('acl') }, bytes('system.posix_acl_access'), acl(6));
    mkdirAt(folder, bytes('default-acl'), 0o750);
    inFolder(folder, 'default-acl', (inside) => makeFile(inside, bytes('made before the ACL'), 'x'));
    setXattr({ dirFd: folder, name: bytes('default-acl') }, bytes('system.posix_acl_default'), acl(4));
    setXattr({ dirFd: folder, name: bytes('default-acl') }, bytes('user.folder'), bytes('yes'));
    mkdirAt(folder, bytes('sticky'), 0o755);
    fchmodAt(folder, bytes('sticky'), 0o1777);
    mkdirAt(folder, bytes('setgid-folder'), 0o755);
    inFolder(folder, 'setgid-folder', (inside) => makeFile(inside, bytes('inside'), 'x'));
    fchmodAt(folder, bytes('setgid-folder'), 0o2775);
    mkdirAt(folder, bytes('read-only-folder'), 0o755);
    inFolder(folder, 'read-only-folder', (inside) => makeFile(inside, bytes('inside'), 'x'));
    fchmodAt(folder, bytes('read-only-folder'), 0o555);
    if (root) ownersAndCapabilities(folder);
  });
}

function ownersAndCapabilities(folder: number): void {
  makeFile(folder, bytes('capability'), 'x');
  fchmodAt(folder, bytes('capability'), 0o755);
  setXattr({ dirFd: folder, name: bytes('capability') }, bytes('security.capability'), capability);
  makeFile(folder, bytes('owned by numbers'), 'x');
  fchownAt(folder, bytes('owned by numbers'), 123_456, 654_321);
  makeFile(folder, bytes('owned and setuid'), 'x');
  fchownAt(folder, bytes('owned and setuid'), 1, 2);
  fchmodAt(folder, bytes('owned and setuid'), 0o6711);
  symlinkAt(bytes('acl'), folder, bytes('owned link'));
  fchownAt(folder, bytes('owned link'), 33, 33);
  makeFile(folder, bytes('closed'), 'nobody may read this');
  fchmodAt(folder, bytes('closed'), 0);
  setXattr({ dirFd: folder, name: bytes('closed') }, bytes('trusted.secret'), bytes('root sees it'));
}

function times(top: number): void {
  mkdirAt(top, bytes('times'), 0o755);
  inFolder(top, 'times', (folder) => {
    const moments: readonly (readonly [string, number, number])[] = [
      ['nanoseconds', 1_234_567_890, 123_456_789],
      ['one nanosecond', 1_700_000_000, 1],
      ['last nanosecond', 1_700_000_000, 999_999_999],
      ['before 1970', -86_400, 250_000_000],
      ['far ahead', 4_102_444_800, 5],
      ['zero', 0, 0],
    ];
    for (const [name, mtimeS, mtimeNs] of moments) {
      makeFile(folder, bytes(name), 'x');
      utimensAt(folder, bytes(name), { mtimeS, mtimeNs });
    }
    symlinkAt(bytes('zero'), folder, bytes('link'));
    utimensAt(folder, bytes('link'), { mtimeS: 1_000_000_000, mtimeNs: 987_654_321 });
  });
  utimensAt(top, bytes('times'), { mtimeS: 1_111_111_111, mtimeNs: 222_222_222 });
  utimensAt(top, bytes('links'), { mtimeS: 999_999_999, mtimeNs: 3 });
}

function makeFile(dirFd: number, name: Uint8Array, content: string): void {
  const fd = openAt(dirFd, name, openFlag.write | openFlag.create | openFlag.exclusive, 0o644);
  writeSync(fd, content);
  closeFd(fd);
}

function inFolder(dirFd: number, name: string, act: (fd: number) => void): void {
  const fd = openAt(dirFd, bytes(name), folderFlags);
  try {
    act(fd);
  } finally {
    closeFd(fd);
  }
}

function bytes(text: string): Uint8Array {
  return Buffer.from(text);
}
