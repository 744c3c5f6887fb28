import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { concatBytes, isAppError, toHex } from '#runtime';
import { sha256 } from './hashing.ts';
import { createIdentity } from './identity.ts';
import {
  createKeyring,
  type Keyring,
  normalKeyring,
  voidKit,
  withKit,
  withNewDataKey,
  withNewDomain,
} from './keyring.ts';
import { encodeKeyring, keyringHash } from './keyring-codec.ts';
import type { KeysError } from './keys-error.ts';
import { kitCode } from './kit-code.ts';
import { kitIdOf } from './kit-id.ts';
import { endorseKit } from './kit-statements.ts';
import { openKit, type RecoveryKit } from './recovery-kit.ts';
import { kitIdsOfSealedKeyring, openSealedKeyring, sealedKeyringBytesMax, sealKeyring } from './sealed-keyring.ts';
import { seededRandom } from './seeded-random.fixture.ts';
import { openWithNodeAlone, seedOfCode } from './stand-alone-opener.fixture.ts';

const random = seededRandom('sealed keyring');
const site = createIdentity(random);
const { siteId } = site;
const by = { random, siteId, createdSeconds: 1_700_000_000 };
const seeds = [1, 2, 3].map((fill) => ({ seed: new Uint8Array(32).fill(fill), passphraseNeeded: false }));
const [kitA, kitB, kitC] = (await Promise.all(seeds.map((seed) => openKit(seed)))) as [
  RecoveryKit,
  RecoveryKit,
  RecoveryKit,
];
const withKits = (keyring: Keyring, kits: readonly RecoveryKit[]) =>
  kits.reduce((with_, kit) => withKit(with_, endorseKit(kit, site, 9)), keyring);
const base = withNewDomain(withNewDataKey(createKeyring(random), by).keyring, by).keyring;
const keyring = withKits(base, [kitA, kitB]);
const sealed = sealKeyring(keyring, random);

const refused = (code: string) => (error: unknown) => isAppError(error, code);
/** After a change on purpose, so that it is not the checksum that refuses it. */
const resummed = (bytes: Uint8Array) => {
  const body = bytes.subarray(0, bytes.length - 32);
  return concatBytes([body, sha256(body)]);
};

test('either kit opens what was sealed to both', () => {
  for (const kit of [kitA, kitB]) assert.deepEqual(openSealedKeyring(sealed, kit), keyring);
});

test('another kit does not open it, and the error names the kits that do', () => {
  try {
    openSealedKeyring(sealed, kitC);
    assert.fail('it opened');
  } catch (error) {
    assert.ok(refused('kit_wrong')(error));
    const ids = [toHex(kitA.kitId), toHex(kitB.kitId)].sort();
    assert.deepEqual((error as KeysError).details.kits, ids);
    for (const id of ids) assert.ok((error as KeysError).message.includes(id));
  }
});

test('the ids of the kits that open it are read without any kit', () => {
  const ids = [toHex(kitA.kitId), toHex(kitB.kitId)].sort();
  assert.deepEqual(kitIdsOfSealedKeyring(sealed).map(toHex), ids);
});

test('a voided kit does not open what was sealed after', () => {
  const after = sealKeyring(voidKit(keyring, kitA.kitId, site), random);
  assert.throws(() => openSealedKeyring(after, kitA), refused('kit_wrong'));
  assert.equal(openSealedKeyring(after, kitB).kits.length, 2);
});

test('a keyring that no kit could open is not sealed', () => {
  assert.throws(() => sealKeyring(base, random), refused('kit_missing'));
  const voided = voidKit(withKits(base, [kitA]), kitA.kitId, site);
  assert.throws(() => sealKeyring(voided, random), refused('kit_missing'));
});

test('sealing twice gives other bytes, and both open', () => {
  const again = sealKeyring(keyring, random);
  assert.notDeepEqual(again, sealed);
  assert.deepEqual(openSealedKeyring(again, kitA), keyring);
});

test('a sealed keyring cut at any length, or longer, is damaged', () => {
  for (let length = 0; length < sealed.length; length++) {
    assert.throws(() => openSealedKeyring(sealed.subarray(0, length), kitA), refused('keyring_damaged'));
  }
  assert.throws(() => openSealedKeyring(concatBytes([sealed, new Uint8Array(1)]), kitA), refused('keyring_damaged'));
});

test('a sealed keyring with any bit flipped is damaged', () => {
  const bytes = sealed.slice();
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    bytes[bit >> 3]! ^= 1 << (bit & 7);
    assert.throws(() => openSealedKeyring(bytes, kitA), refused('keyring_damaged'));
    bytes[bit >> 3]! ^= 1 << (bit & 7);
  }
});

test('a byte changed by somebody who mends the checksum is seen as well, wherever it is', () => {
  // The other kit's entry is not under this kit's seal; everything else is.
  const entryB = 88 + kitIdsOfSealedKeyring(sealed).findIndex((id) => toHex(id) === toHex(kitB.kitId)) * 1200;
  for (let at = 0; at < sealed.length - 32; at += 7) {
    if (at >= entryB && at < entryB + 1200) continue;
    const bytes = sealed.slice();
    bytes[at]! ^= 0x10;
    assert.throws(
      () => openSealedKeyring(resummed(bytes), kitA),
      (error) => ['keyring_damaged', 'keyring_newer', 'kit_wrong'].some((code) => isAppError(error, code)),
      `at ${at}`,
    );
  }
});

test('a cut that somebody mends the checksum of is damaged', () => {
  for (let length = 0; length < sealed.length; length += 13) {
    const bytes = resummed(concatBytes([sealed.subarray(0, length), new Uint8Array(32)]));
    assert.throws(() => openSealedKeyring(bytes, kitA), refused('keyring_damaged'), `${length}`);
  }
});

test('a newer version is called newer, version 0 and too many kits are damage', () => {
  const changed = (at: number, value: number) => {
    const bytes = sealed.slice();
    new DataView(bytes.buffer).setUint16(at, value, true);
    return resummed(bytes);
  };
  assert.throws(() => openSealedKeyring(changed(8, 2), kitA), refused('keyring_newer'));
  assert.throws(() => openSealedKeyring(changed(8, 0), kitA), refused('keyring_damaged'));
  for (const count of [0, 1, 3, 65, 65_535]) {
    assert.throws(() => openSealedKeyring(changed(58, count), kitA), refused('keyring_damaged'));
  }
  assert.throws(() => openSealedKeyring(new Uint8Array(sealedKeyringBytesMax + 1), kitA), refused('keyring_damaged'));
});

test('an ephemeral key of small order is damage', () => {
  const bytes = sealed.slice();
  const entry = 88 + kitIdsOfSealedKeyring(sealed).findIndex((id) => toHex(id) === toHex(kitA.kitId)) * 1200;
  bytes.fill(0, entry + 8, entry + 40);
  assert.throws(() => openSealedKeyring(resummed(bytes), kitA), refused('keyring_damaged'));
});

test('a kit whose public keys are none stops the sealing with an error', () => {
  const halves = endorseKit(kitA, site, 1);
  for (const bad of [
    { ...halves, x25519Public: new Uint8Array(32) },
    { ...halves, mlKemPublic: new Uint8Array(1184).fill(0xff) },
  ]) {
    // Whoever holds the kit's signing key can sign for halves that are no keys.
    const with_ = normalKeyring({ ...base, kits: [{ ...bad, kitId: kitIdOf(bad) }] });
    assert.throws(() => sealKeyring(with_, random), refused('public_key_bad'));
  }
});

test('KEYS.md with node:crypto alone opens it, from the code on the paper', () => {
  const encoded = openWithNodeAlone(Buffer.from(sealed), seedOfCode(kitCode(seeds[0]!)));
  assert.deepEqual(new Uint8Array(encoded), encodeKeyring(keyring));
});

test('the sealed keyring of the first day still opens, both ways', () => {
  const text = readFileSync(new URL('fixtures/sealed-keyring-v1.base64', import.meta.url), 'utf8');
  const bytes = Buffer.from(text, 'base64');
  const opened = openSealedKeyring(bytes, kitA);
  assert.deepEqual(openSealedKeyring(bytes, kitB), opened);
  assert.equal(toHex(keyringHash(opened)), 'bdb1554ae52838c04b368f3772ad43ea3af665512a3581b728f426a3853e0785');
  assert.equal(
    toHex(sha256(openWithNodeAlone(bytes, seeds[0]!.seed))),
    'bdb1554ae52838c04b368f3772ad43ea3af665512a3581b728f426a3853e0785',
  );
});

test('how many keys are in it shows only roughly in its length', () => {
  const lengths = new Set<number>();
  let growing = keyring;
  for (let i = 0; i < 40; i++) {
    growing = withNewDataKey(growing, by).keyring;
    lengths.add(sealKeyring(growing, random).length);
  }
  assert.ok(lengths.size < 30, `${lengths.size}`);
});
