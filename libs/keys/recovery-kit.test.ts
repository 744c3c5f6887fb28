import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAppError, toHex } from '#runtime';
import { createIdentity } from './identity.ts';
import { endorseKit } from './kit-statements.ts';
import { createKitSeed, openKit } from './recovery-kit.ts';
import { seededRandom } from './seeded-random.fixture.ts';
import { sign, verify } from './signing.ts';

const seed = new Uint8Array(32).map((_, i) => i);
const open = { seed, passphraseNeeded: false };
const locked = { seed, passphraseNeeded: true };
const refused = (code: string) => (error: unknown) => isAppError(error, code);

test('one seed gives one kit, and its parts have nothing in common', async () => {
  const [one, two] = [await openKit(open), await openKit(open)];
  assert.deepEqual(one, two);
  const parts = [one.x25519.secretKey, one.mlKem.seed, one.signing.seed, one.doorKey].map((part) => toHex(part));
  assert.equal(new Set(parts.map((part) => part.slice(0, 16))).size, 4);
  assert.equal(one.mlKem.publicKey.length, 1184);
});

test('a passphrase makes another kit of the seed, each passphrase another one', async () => {
  const kits = [
    await openKit(open),
    await openKit(locked, 'correct horse'),
    await openKit(locked, 'correct horse '),
    await openKit(locked, 'Correct horse'),
  ];
  assert.equal(new Set(kits.map((kit) => toHex(kit.kitId))).size, 4);
  assert.equal(new Set(kits.map((kit) => toHex(kit.doorKey))).size, 4);
});

test('a passphrase typed composed or decomposed is one', async () => {
  assert.deepEqual(await openKit(locked, 'Tür'), await openKit(locked, 'Tu\u0308r'));
});

test('a missing, needless, empty or endless passphrase is refused, each by its own error', async () => {
  await assert.rejects(openKit(locked), refused('passphrase_needed'));
  await assert.rejects(openKit(open, 'x'), refused('passphrase_not_needed'));
  await assert.rejects(openKit(locked, ''), refused('passphrase_bad'));
  await assert.rejects(openKit(locked, 'x'.repeat(1025)), refused('passphrase_bad'));
});

test('where the page says the kit’s id, a wrong passphrase is told at once', async () => {
  const { kitId } = await openKit(locked, 'right');
  assert.deepEqual((await openKit({ ...locked, kitId }, 'right')).kitId, kitId);
  await assert.rejects(openKit({ ...locked, kitId }, 'wrong'), refused('passphrase_bad'));
});

test('the keyring’s half of a kit holds no secret, and verifies what the kit signs', async () => {
  const kit = await openKit(createKitSeed(seededRandom('kit'), false));
  const half = endorseKit(kit, createIdentity(seededRandom('site')), 9);
  const bytes = Buffer.from('incarnation 2');
  assert.ok(verify(half.signingPublic, 'incarnation', bytes, sign(kit.signing, 'incarnation', bytes)));
  const shown = JSON.stringify(
    Object.values(half).map((value) => (value instanceof Uint8Array ? toHex(value) : value)),
  );
  for (const secret of [kit.x25519.secretKey, kit.mlKem.seed, kit.signing.seed, kit.doorKey]) {
    assert.ok(!shown.includes(toHex(secret)));
  }
});
