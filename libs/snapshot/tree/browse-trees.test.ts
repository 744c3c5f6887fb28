import assert from 'node:assert/strict';
import { chmodSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { SnapshotLab } from '../../../test/kit/snapshot-lab.ts';
import { diffTrees, entryAt, listTree, readManifest, type SnapshotResult, walkEntries } from '../index.ts';

async function makeTree(lab: SnapshotLab): Promise<SnapshotResult> {
  lab.makeFolder('data', 'docs', 'old');
  lab.makeFolder('data', 'same');
  for (const name of ['docs/a', 'docs/b', 'docs/old/c', 'same/d', 'top']) writeFileSync(lab.path('data', name), name);
  return lab.take(lab.path('data'));
}

test('a path is found from the root of the tree or as it was on the machine', async () => {
  using lab = new SnapshotLab();
  const { manifestHash } = await makeTree(lab);
  const manifest = await readManifest(lab.store, manifestHash);
  for (const path of ['docs/old/c', './docs//old/c/', lab.path('data/docs/old/c')]) {
    assert.equal((await entryAt(lab.store, manifest, Buffer.from(path)))?.size, 'docs/old/c'.length, path);
  }
  for (const path of ['docs/old/x', '/docs/old/c', 'docs/a/x', '../data', lab.folder]) {
    assert.equal(await entryAt(lab.store, manifest, Buffer.from(path)), undefined, path);
  }
  assert.equal(await entryAt(lab.store, manifest, Buffer.alloc(0)), manifest.root);
});

test('a listing shows what is in a folder, or the file itself', async () => {
  using lab = new SnapshotLab();
  const { manifest } = await makeTree(lab);
  const names = async (path: string) => {
    const entry = await entryAt(lab.store, manifest, Buffer.from(path));
    assert.ok(entry);
    const found: string[] = [];
    for await (const { name } of listTree(lab.store, entry)) found.push(Buffer.from(name).toString());
    return found;
  };
  assert.deepEqual(await names('docs'), ['a', 'b', 'old']);
  assert.deepEqual(await names('top'), ['top']);
});

test('a walk has folders before what is in them', async () => {
  using lab = new SnapshotLab();
  const { manifest } = await makeTree(lab);
  const paths: string[] = [];
  for await (const { path } of walkEntries(lab.store, manifest.root)) paths.push(Buffer.from(path).toString());
  assert.deepEqual(paths, ['docs', 'docs/a', 'docs/b', 'docs/old', 'docs/old/c', 'same', 'same/d', 'top']);
});

test('a difference names what was added, removed or changed, and does not read what is equal', async () => {
  using lab = new SnapshotLab();
  const before = await makeTree(lab);
  writeFileSync(lab.path('data/docs/a'), 'changed');
  chmodSync(lab.path('data/docs/b'), 0o600);
  renameSync(lab.path('data/docs/old'), lab.path('data/docs/new'));
  rmSync(lab.path('data/top'));
  symlinkSync('docs', lab.path('data/top'));
  const after = await lab.take(lab.path('data'));
  const same = await entryAt(lab.store, after.manifest, Buffer.from('same'));
  lab.store.payloads.delete(Buffer.from(same?.directoryHash ?? []).toString('latin1'));
  const found: string[] = [];
  const side = ({ manifest }: SnapshotResult) => ({ nodes: lab.store, entry: manifest.root });
  for await (const { path, change } of diffTrees(side(before), side(after)))
    found.push(`${Buffer.from(path)} ${change}`);
  assert.deepEqual(found, [
    'docs metadata',
    'docs/a content',
    'docs/b metadata',
    'docs/new added',
    'docs/new/c added',
    'docs/old removed',
    'docs/old/c removed',
    'top kind',
  ]);
});
