import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createIdentity, createKeyring, createKitSeed, endorseKit, openKit, withKit, withNewDataKey } from '#keys';
import { AppError, systemRandom } from '#runtime';
import { Secrets } from './secrets.ts';
import { statePaths } from './state-folder.ts';

function testSecrets() {
  const root = mkdtempSync(join(tmpdir(), 'sitepair-secrets-'));
  const paths = statePaths(root);
  for (const folder of [paths.secret, paths.packs]) mkdirSync(folder);
  const open = () => new Secrets(paths, systemRandom);
  return { paths, open, [Symbol.dispose]: () => rmSync(root, { recursive: true }) };
}

function flip(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(path, bytes);
}

test('a door key with a changed byte, or cut, is given to nobody; one of an earlier version is read', () => {
  using secrets = testSecrets();
  const door = { doorKey: systemRandom.bytes(32), kitId: systemRandom.bytes(8) };
  const path = join(secrets.paths.secret, 'door');
  secrets.open().writeDoor(door);
  assert.deepEqual(secrets.open().readDoor(), door);
  const whole = readFileSync(path);
  for (const at of [0, 31, 35, whole.length - 1]) {
    flip(path, at);
    assert.equal(secrets.open().readDoor(), undefined, `byte ${at}`);
    flip(path, at);
  }
  for (const length of [0, 31, 39, 50]) {
    writeFileSync(path, whole.subarray(0, length));
    assert.equal(secrets.open().readDoor(), undefined, `cut to ${length}`);
  }
  writeFileSync(path, whole.subarray(0, 40));
  assert.deepEqual(secrets.open().readDoor(), door);
});

test('a damaged copy of the sealed keyring counts as sealed to nobody, so that it is made anew', async () => {
  using secrets = testSecrets();
  const identity = createIdentity(systemRandom);
  const kit = await openKit(createKitSeed(systemRandom, false));
  const by = { random: systemRandom, siteId: identity.siteId, createdSeconds: 1 };
  const keyring = withKit(withNewDataKey(createKeyring(systemRandom), by).keyring, endorseKit(kit, identity, 1));
  secrets.open().writeKeyring(keyring);
  assert.equal(secrets.open().sealedTo(), Buffer.from(kit.kitId).toString('hex'));
  flip(secrets.paths.sealedKeyring, 2000);
  assert.equal(secrets.open().sealedTo(), '');
});

test('a secret file that is gone is told as damage of the state, with the way back', () => {
  using secrets = testSecrets();
  for (const read of [() => secrets.open().readIdentity(), () => secrets.open().readKeyring()])
    assert.throws(read, (error) => error instanceof AppError && error.code === 'state_damaged' && error.advice !== '');
});
