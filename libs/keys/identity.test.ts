import assert from 'node:assert/strict';
import { test } from 'node:test';
import { concatBytes, isAppError } from '#runtime';
import { encodeChecked, messageType } from './checked-message.ts';
import { realmFingerprint, siteFingerprint } from './fingerprint.ts';
import { createIdentity, decodeIdentity, encodeIdentity, withNewKey } from './identity.ts';
import { toRealmId } from './ids.ts';
import { seededRandom } from './seeded-random.fixture.ts';
import { sign, signingKeyOf, verify } from './signing.ts';

const identity = createIdentity(seededRandom('identity'));
const damaged = (error: unknown) => isAppError(error, 'identity_damaged');
const file = { type: messageType('Identity'), bytesMax: 1024, purpose: 'identity file' };

test('an identity comes back from its file, and signs as before', () => {
  const read = decodeIdentity(encodeIdentity(identity));
  assert.deepEqual(read, identity);
  const bytes = Buffer.from('x');
  assert.ok(verify(identity.key.publicKey, 'log batch', bytes, sign(read.key, 'log batch', bytes)));
});

test('a new key leaves the site id as it is', () => {
  const changed = withNewKey(identity, seededRandom('another'));
  assert.deepEqual(changed.siteId, identity.siteId);
  assert.notDeepEqual(changed.key, identity.key);
});

test('an identity file that is cut at any length, or longer, is damaged', () => {
  const bytes = encodeIdentity(identity);
  for (let length = 0; length < bytes.length; length++) {
    assert.throws(() => decodeIdentity(bytes.subarray(0, length)), damaged, `${length}`);
  }
  assert.throws(() => decodeIdentity(concatBytes([bytes, new Uint8Array(1)])), damaged);
  assert.throws(() => decodeIdentity(new Uint8Array(100_000)), damaged);
});

test('an identity file with any bit flipped is damaged', () => {
  const bytes = encodeIdentity(identity);
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const changed = bytes.slice();
    changed[bit >> 3]! ^= 1 << (bit & 7);
    assert.throws(() => decodeIdentity(changed), damaged, `bit ${bit}`);
  }
});

test('an identity file of a newer version is called newer, also when it holds more', () => {
  const newer = encodeChecked({ ...file, version: 2 }, { site_id: new Uint8Array(20) });
  assert.throws(
    () => decodeIdentity(newer),
    (error) => isAppError(error, 'identity_newer'),
  );
});

test('a well-formed file with wrong sizes, or with a public key of another seed, is damaged', () => {
  const whole = {
    site_id: identity.siteId,
    ed25519_seed: identity.key.seed,
    ed25519_public: identity.key.publicKey,
  };
  const wrong = [
    { ...whole, site_id: new Uint8Array(15) },
    { ...whole, ed25519_seed: new Uint8Array(33) },
    { ...whole, ed25519_public: signingKeyOf(new Uint8Array(32)).publicKey },
    { site_id: identity.siteId },
  ];
  for (const fields of wrong) {
    assert.throws(() => decodeIdentity(encodeChecked({ ...file, version: 1 }, fields)), damaged);
  }
  assert.throws(() => decodeIdentity(encodeChecked({ ...file, version: 0 }, whole)), damaged);
});

test('a message of another purpose does not pass as an identity', () => {
  const fields = {
    site_id: identity.siteId,
    ed25519_seed: identity.key.seed,
    ed25519_public: identity.key.publicKey,
  };
  const other = encodeChecked({ ...file, version: 1, purpose: 'keyring' }, fields);
  assert.throws(() => decodeIdentity(other), damaged);
});

test('fingerprints are six groups of four, differ by key, and are not the same for a realm of equal bytes', () => {
  const text = siteFingerprint(identity.key.publicKey);
  assert.match(text, /^([0-9A-HJKMNP-TV-Z]{4}-){5}[0-9A-HJKMNP-TV-Z]{4}$/);
  assert.notEqual(siteFingerprint(signingKeyOf(new Uint8Array(32)).publicKey), text);
  assert.match(realmFingerprint(toRealmId(new Uint8Array(16))), /^(.{4}-){5}.{4}$/);
});
