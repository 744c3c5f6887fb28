import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { isAppError } from '#runtime';
import { volumesConformance } from '../volumes-conformance.ts';
import { FolderVolumes } from './folder-volumes.ts';

const root = mkdtempSync(join(tmpdir(), 'sitepair-volumes-'));
let count = 0;
const nextFolder = () => join(root, String(count++));
after(() => rmSync(root, { recursive: true }));

volumesConformance('folder', () => FolderVolumes.open(nextFolder()));

test('files and folders are for their owner only', async () => {
  const folder = nextFolder();
  const volumes = await FolderVolumes.open(folder);
  await (await volumes.create('000000/a')).close();
  assert.equal(statSync(folder).mode & 0o777, 0o700);
  assert.equal(statSync(join(folder, '000000')).mode & 0o777, 0o700);
  assert.equal(statSync(join(folder, '000000/a')).mode & 0o777, 0o600);
  await volumes.close();
});

test('a closed folder leaves no descriptor open', async () => {
  const folder = nextFolder();
  const volumes = await FolderVolumes.open(folder);
  const openIn = () =>
    readdirSync('/proc/self/fd').filter((fd) => {
      const link = `/proc/self/fd/${fd}`;
      // The descriptor that lists the folder is gone again by now.
      return existsSync(link) && readlinkSync(link).startsWith(folder);
    });
  for (let i = 0; i < 200; i++) await (await volumes.create(`000000/${i}`)).close();
  await Promise.all(Array.from({ length: 200 }, (_, i) => volumes.readAt(`000000/${i}`, 0, 1)));
  assert.ok(openIn().length <= 128, `${openIn().length} descriptors are open`);
  await volumes.close();
  assert.equal(openIn().length, 0);
});

test('a full file system says volume_full, keeps what it has, and takes more after space came back', async (t) => {
  const folder = nextFolder();
  mkdirSync(folder);
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', folder]).status !== 0) {
    return t.skip('needs root and mount to make a small tmpfs');
  }
  try {
    const volumes = await FolderVolumes.open(folder);
    const first = await volumes.create('000000/a');
    await first.append([new Uint8Array(100_000).fill(1)]);
    const second = await volumes.create('000000/b');
    await assert.rejects(second.append([new Uint8Array(300_000)]), (error) => isAppError(error, 'volume_full'));
    assert.deepEqual([...(await volumes.readAt('000000/a', 99_998, 10))], [1, 1]);
    await second.close();
    await volumes.remove('000000/b');
    await first.append([new Uint8Array(10)]);
    await first.close();
    await volumes.close();
  } finally {
    spawnSync('umount', [folder]);
  }
});

test('a folder that vanished says volume_gone, one that cannot be made says why', async () => {
  const folder = nextFolder();
  const volumes = await FolderVolumes.open(folder);
  rmSync(folder, { recursive: true });
  await assert.rejects(volumes.list(), (error) => isAppError(error, 'volume_gone'));
  await assert.rejects(volumes.freeBytes(), (error) => isAppError(error, 'volume_gone'));
  writeFileSync(folder, 'in the way');
  await assert.rejects(FolderVolumes.open(join(folder, 'packs')), (error) => isAppError(error, 'volume_gone'));
});
