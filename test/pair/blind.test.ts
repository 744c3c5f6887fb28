import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type TestSite as Site, TestSite, testFolder, until } from '../kit/test-site.ts';

interface SnapshotLine {
  readonly copies: readonly string[];
}

/** North's keyring, data key by data key, as bytes that must lie nowhere at the blind site. */
function secretsOf(site: Site): Buffer[] {
  const keyring = readFileSync(join(site.state, 'secret', 'keyring'));
  const windows: Buffer[] = [];
  for (let at = 0; at + 32 <= keyring.length; at += 1) windows.push(keyring.subarray(at, at + 32));
  // A key is 32 bytes behind a length of 32: the field header that protobuf writes before it.
  return windows.filter((_, at) => at > 0 && keyring[at - 1] === 32);
}

function filesBelow(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

async function pairBlind(owner: Site, blind: Site, address: string): Promise<void> {
  const { code } = await owner.json<{ code: string }>('pair', 'invite', '--blind', '--address', address);
  await blind.ok('pair', 'accept', code, '--yes');
  await owner.ok('pair', 'confirm', blind.name, '--yes');
}

test('a blind peer stores, proves, scrubs and heals what it cannot read, and gives it back after a fire', async () => {
  using root = testFolder('blind');
  await using north = await TestSite.init(root.path, 'north');
  await using cellar = await TestSite.init(root.path, 'cellar');
  const address = await north.serve();
  await cellar.serve();
  const tree = join(root.path, 'tree');
  mkdirSync(tree);
  for (let i = 0; i < 40; i++) writeFileSync(join(tree, `file-${i}`), `confidential ${i} `.repeat(500 + i));
  await north.ok('backup', tree, '--dataset', 'tree');
  await pairBlind(north, cellar, address);
  const heldByBoth = async () =>
    (await north.json<SnapshotLine[]>('snapshots')).every((one) => one.copies.includes('cellar'));
  await until(heldByBoth, 'the blind peer to prove the snapshot');

  const stored = filesBelow(join(cellar.state, 'blind'));
  const secrets = secretsOf(north);
  assert.ok(secrets.length >= 4, 'a keyring holds an id key, a chunker key, a data key and kits');
  for (const file of filesBelow(cellar.state)) {
    const bytes = readFileSync(file);
    assert.ok(!secrets.some((secret) => bytes.includes(secret)), `${file} holds a key of north`);
    assert.ok(!bytes.includes('confidential') && !bytes.includes('file-1'), `${file} holds a name or a content`);
  }

  const pack = stored
    .filter((file) => /\.(pack|open)$/.test(file))
    .sort((a, b) => readFileSync(b).length - readFileSync(a).length)[0];
  assert.ok(pack !== undefined);
  await cellar.stop();
  const bytes = readFileSync(pack.replace(/\.open$/, existsAs(pack)));
  bytes[Math.floor(bytes.length / 3)] = (bytes[Math.floor(bytes.length / 3)] ?? 0) ^ 0x04;
  writeFileSync(pack.replace(/\.open$/, existsAs(pack)), bytes);
  await cellar.serve();
  assert.equal((await cellar.run('scrub')).code, 1);
  await until(
    async () => (await cellar.json<{ link: string }[]>('pair', 'list')).every((peer) => peer.link === 'up'),
    'the link',
  );
  await cellar.run('scrub', '--heal');
  assert.match((await cellar.ok('scrub')).stdout, /all of it is good/);
  assert.match((await cellar.ok('store', 'check')).stdout, /everything fits/);

  const packs = join(north.state, 'packs');
  await north.stop();
  for (const name of readdirSync(packs)) if (/^\d+$/.test(name)) rmSync(join(packs, name), { recursive: true });
  rmSync(join(north.state, 'index'), { recursive: true });
  mkdirSync(join(north.state, 'index'));
  await north.serve();
  await until(
    async () => (await north.json<{ link: string }[]>('pair', 'list')).every((peer) => peer.link === 'up'),
    'the link',
  );
  await north.ok('restore', 'tree@latest', '--to', join(root.path, 'restored'));
  for (let i = 0; i < 40; i++) {
    assert.equal(readFileSync(join(root.path, 'restored', `file-${i}`), 'utf8'), `confidential ${i} `.repeat(500 + i));
  }
});

/** A pack that grew while its site ran has its final name once the site has stopped. */
function existsAs(file: string): string {
  return file.endsWith('.open') ? '.pack' : '';
}
