import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import { closeFd, lockFile, openAt, openFlag, unlockFile } from './index.ts';
import { bytes, createFile, TestFolder } from './test-folder.ts';

const name = bytes('lock');

test('two opens of one file exclude each other within one process', () => {
  using folder = new TestFolder();
  const first = createFile(folder.fd, name);
  const second = openAt(folder.fd, name, openFlag.readWrite);
  assert.equal(lockFile(first), true);
  assert.equal(lockFile(second), false);
  assert.equal(lockFile(first), true, 'a holder may ask again');
  unlockFile(first);
  assert.equal(lockFile(second), true);
  closeFd(second);
  assert.equal(lockFile(first), true, 'closing gives the lock back');
  closeFd(first);
});

test('another process is kept out, and a killed one leaves nothing behind', async () => {
  using folder = new TestFolder();
  const mine = createFile(folder.fd, name);
  const program = `
    const { openSync } = await import('node:fs');
    const { lockFile } = await import(${JSON.stringify(new URL('./index.ts', import.meta.url).href)});
    const fd = openSync(${JSON.stringify(join(folder.path, 'lock'))}, 'r+');
    process.stdout.write(String(lockFile(fd)));
    setInterval(() => fd, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const [said] = await once(child.stdout, 'data');
    assert.equal(String(said), 'true');
    assert.equal(lockFile(mine), false);
  } finally {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  assert.equal(lockFile(mine), true);
  closeFd(mine);
});

test('a descriptor that cannot be written is an error, not a lock in other hands', () => {
  using folder = new TestFolder();
  closeFd(createFile(folder.fd, name));
  const fd = openAt(folder.fd, name, openFlag.read);
  assert.throws(() => lockFile(fd), { code: 'EBADF', syscall: 'fcntl' });
  closeFd(fd);
});
