import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { decodeKeyring } from '#keys';
import { foundInMemory } from '../kit/process-memory.ts';
import { TestSite, testFolder, until, untilLinked } from '../kit/test-site.ts';

const root = testFolder('blind');
const tree = join(root.path, 'tree');
let north: TestSite;
let cellar: TestSite;

before(async () => {
  north = await TestSite.init(root.path, 'north');
  cellar = await TestSite.init(root.path, 'cellar');
  const address = await north.serve();
  await cellar.serve();
  mkdirSync(tree);
  for (let i = 0; i < 40; i++) writeFileSync(join(tree, `file-${i}`), `confidential ${i} `.repeat(500 + i));
  await north.ok('backup', tree, '--dataset', 'tree');
  await north.ok('key', 'rotate');
  const { code } = await north.json<{ code: string }>('pair', 'invite', '--blind', '--address', address);
  await cellar.ok('pair', 'accept', code, '--yes');
  await north.ok('pair', 'confirm', 'cellar', '--yes');
  await untilCellarHoldsAll();
});

after(async () => {
  await Promise.all([north.kill(), cellar.kill()]);
  root[Symbol.dispose]();
});

function untilCellarHoldsAll(): Promise<void> {
  const heldByBoth = async () =>
    (await north.api.call('snapshots', {})).every(({ copies }) => copies.includes('cellar'));
  return until(heldByBoth, 'the blind peer to prove every snapshot');
}

/** The keys of north's keyring that open or name something: id keys, chunker keys, data keys. */
function keysOfNorth(): Uint8Array[] {
  const { domains, dataKeys } = decodeKeyring(readFileSync(join(north.state, 'secret', 'keyring')));
  const keys = [...domains.flatMap(({ idKey, chunkerKey }) => [idKey, chunkerKey]), ...dataKeys.map(({ key }) => key)];
  assert.ok(domains.length >= 1 && dataKeys.length >= 2 && keys.every((key) => key.length === 32));
  return keys;
}

function filesBelow(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

test('no file of a blind peer holds a key, a name or a content of what it stores', () => {
  const keys = keysOfNorth();
  const files = filesBelow(cellar.state);
  assert.ok(files.some((file) => file.startsWith(join(cellar.state, 'blind')) && /\.(pack|open)$/.test(file)));
  for (const file of files) {
    const bytes = readFileSync(file);
    assert.ok(!keys.some((key) => bytes.includes(key)), `${file} holds a key of north`);
    assert.ok(!bytes.includes('confidential') && !bytes.includes('file-1'), `${file} holds a name or a content`);
  }
});

test('a blind peer finds a flipped bit, heals it from the owner, and all of it is good again', async () => {
  await cellar.stop();
  const [largest = ''] = filesBelow(join(cellar.state, 'blind'))
    .filter((file) => file.endsWith('.pack'))
    .sort((a, b) => readFileSync(b).length - readFileSync(a).length);
  const bytes = readFileSync(largest);
  const at = Math.floor(bytes.length / 3);
  bytes.writeUInt8(bytes.readUInt8(at) ^ 0x04, at);
  writeFileSync(largest, bytes);
  await cellar.serve();
  assert.equal((await cellar.run('scrub')).code, 1);
  await untilLinked(cellar);
  await cellar.run('scrub', '--heal');
  assert.match((await cellar.ok('scrub')).stdout, /all of it is good/);
  assert.match((await cellar.ok('store', 'check')).stdout, /everything fits/);
});

test("after replication, scrub and heal no key stands in the blind peer's memory; the same search finds each in the owner's", async (t) => {
  writeFileSync(join(tree, 'one more'), 'confidential too '.repeat(5000));
  await north.ok('backup', tree, '--dataset', 'tree');
  await untilCellarHoldsAll();
  const keys = keysOfNorth();
  const [atOwner, atBlind] = [north, cellar].map((site) => foundInMemory(site.pid ?? 0, keys));
  if (atOwner === undefined || atBlind === undefined)
    return t.skip('needs the right to read /proc/PID/mem of a process of its own');
  const everyKey = keys.map(() => true);
  assert.deepEqual(atOwner, everyKey);
  assert.deepEqual(
    atBlind,
    everyKey.map(() => false),
  );
});

test('an owner that lost all its packs restores through the blind peer', async () => {
  const packs = join(north.state, 'packs');
  await north.stop();
  for (const name of readdirSync(packs)) if (/^\d+$/.test(name)) rmSync(join(packs, name), { recursive: true });
  rmSync(join(north.state, 'index'), { recursive: true });
  mkdirSync(join(north.state, 'index'));
  await north.serve();
  await untilLinked(north);
  await north.ok('restore', 'tree@latest', '--to', join(root.path, 'restored'));
  for (let i = 0; i < 40; i++)
    assert.equal(readFileSync(join(root.path, 'restored', `file-${i}`), 'utf8'), `confidential ${i} `.repeat(500 + i));
});
