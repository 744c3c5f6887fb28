import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, readFileSync, readSync, symlinkSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { closeFd, fstatFd, openAt, openBeneath, openFlag } from './index.ts';
import { bytes, TestFolder } from './test-folder.ts';

test('a descriptor serves Node too, and does not reach child processes', () => {
  using folder = new TestFolder();
  const flags = openFlag.readWrite | openFlag.create | openFlag.exclusive;
  const fd = openAt(folder.fd, bytes('f\xff', 'latin1'), flags, 0o640);
  writeSync(fd, 'hello');
  const content = Buffer.alloc(5);
  readSync(fd, content, 0, 5, 0);
  assert.equal(content.toString(), 'hello');
  assert.equal(fstatFd(fd).mode & 0o777, 0o640);
  const closeOnExec = 0o2000000;
  const line = /^flags:\s+0(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'));
  assert.notEqual(Number.parseInt(line?.[1] ?? '0', 8) & closeOnExec, 0);
  closeFd(fd);
  assert.throws(() => closeFd(fd), { code: 'EBADF', syscall: 'close' });
});

test('a symlink is not opened by accident, only when asked', () => {
  using folder = new TestFolder();
  writeFileSync(join(folder.path, 'file'), 'x');
  symlinkSync('file', join(folder.path, 'link'));
  assert.throws(() => openAt(folder.fd, bytes('link'), openFlag.read), { code: 'ELOOP' });
  closeFd(openAt(folder.fd, bytes('link'), openFlag.read, 0, { follow: true }));
});

test('openBeneath opens and creates below its root', () => {
  using folder = new TestFolder();
  mkdirSync(join(folder.path, 'a/b'), { recursive: true });
  const fd = openBeneath(folder.fd, bytes('a/b/new'), openFlag.write | openFlag.create | openFlag.exclusive, 0o600);
  writeSync(fd, 'content');
  closeFd(fd);
  assert.equal(readFileSync(join(folder.path, 'a/b/new'), 'utf8'), 'content');
  closeFd(openBeneath(folder.fd, bytes('a/../a/b'), openFlag.path | openFlag.directory));
  assert.throws(() => openBeneath(folder.fd, bytes('a/none'), openFlag.read), { code: 'ENOENT', syscall: 'openat2' });
});

test("openBeneath refuses '..' and absolute paths that leave its root", () => {
  using folder = new TestFolder();
  mkdirSync(join(folder.path, 'root'));
  writeFileSync(join(folder.path, 'outside'), 'secret');
  const root = openAt(folder.fd, bytes('root'), openFlag.path | openFlag.directory);
  for (const path of ['..', '../outside', 'x/../../outside', '/etc/passwd', `${folder.path}/outside`]) {
    assert.throws(() => openBeneath(root, bytes(path), openFlag.read), {
      code: path.startsWith('x') ? 'ENOENT' : 'EXDEV',
    });
  }
  closeFd(root);
});

test('openBeneath goes through no symlink, whether it leaves the root or not', () => {
  using folder = new TestFolder();
  mkdirSync(join(folder.path, 'root/inner'), { recursive: true });
  writeFileSync(join(folder.path, 'root/inner/file'), '');
  symlinkSync('/etc', join(folder.path, 'root/out'));
  symlinkSync('inner', join(folder.path, 'root/within'));
  symlinkSync('inner/file', join(folder.path, 'root/last'));
  const root = openAt(folder.fd, bytes('root'), openFlag.path | openFlag.directory);
  for (const path of ['out/passwd', 'within/file', 'last']) {
    assert.throws(() => openBeneath(root, bytes(path), openFlag.read), { code: 'ELOOP' });
  }
  closeFd(root);
});

test('all of it works in a worker thread, without a warning when a descriptor is closed', async () => {
  const source = `
    import { parentPort } from 'node:worker_threads';
    const { closeFd, openAt, currentFolder, openFlag, readDirectory, statAt } = await import(${JSON.stringify(new URL('./index.ts', import.meta.url).href)});
    process.on('warning', (warning) => parentPort.postMessage({ warning: warning.message }));
    const fd = openAt(currentFolder, Buffer.from('/'), openFlag.read | openFlag.directory);
    const names = readDirectory(fd).length;
    let code;
    try { statAt(fd, Buffer.from('no such name')); } catch (error) { code = error.code; }
    closeFd(fd);
    setImmediate(() => parentPort.postMessage({ names, code }));`;
  const answers = [1, 2].map(async () => {
    const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`));
    const [answer] = await once(worker, 'message');
    await worker.terminate();
    return answer;
  });
  for (const answer of await Promise.all(answers)) {
    assert.equal(answer.code, 'ENOENT');
    assert(answer.names > 3);
  }
});
