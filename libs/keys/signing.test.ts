import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey, diffieHellman, sign as nodeSign, verify as nodeVerify } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { fromHex, isAppError, toHex } from '#runtime';
import { handshakeKeyOf, handshakePublicOf, sign, signingKeyOf, verify } from './signing.ts';

const seeds = fc.uint8Array({ minLength: 32, maxLength: 32 });
const few = { numRuns: 25 };

test('the key pair of a seed is that of RFC 8032, test 1', () => {
  const key = signingKeyOf(fromHex('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60'));
  assert.equal(toHex(key.publicKey), 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a');
});

test('a signature passes for its bytes, purpose and key, and node:crypto agrees on both', () => {
  fc.assert(
    fc.property(seeds, fc.uint8Array(), (seed, bytes) => {
      const key = signingKeyOf(seed);
      const signature = sign(key, 'log batch', bytes);
      assert.ok(verify(key.publicKey, 'log batch', bytes, signature));
      const labelled = Buffer.concat([Buffer.from('sitepair log batch v1\0'), bytes]);
      const secret = createPrivateKey({ key: seed, format: 'raw-private', asymmetricKeyType: 'ed25519' });
      assert.equal(toHex(nodeSign(null, labelled, secret)), toHex(signature));
      assert.ok(nodeVerify(null, labelled, createPublicKey(secret), signature));
    }),
    few,
  );
});

test('a signature for one purpose, of another key, or with any bit flipped does not pass', () => {
  const key = signingKeyOf(new Uint8Array(32).fill(1));
  const bytes = Buffer.from('entry');
  const signature = sign(key, 'log batch', bytes);
  assert.equal(verify(key.publicKey, 'manifest', bytes, signature), false);
  assert.equal(verify(signingKeyOf(new Uint8Array(32)).publicKey, 'log batch', bytes, signature), false);
  assert.equal(verify(key.publicKey, 'log batch', Buffer.from('Entry'), signature), false);
  for (let bit = 0; bit < 512; bit++) {
    const changed = signature.slice();
    changed[bit >> 3]! ^= 1 << (bit & 7);
    assert.equal(verify(key.publicKey, 'log batch', bytes, changed), false);
  }
});

test('a purpose cannot run into the bytes: a label with a zero byte or a capital is refused as a bug', () => {
  const key = signingKeyOf(new Uint8Array(32));
  for (const purpose of ['', 'a\0b', 'Log', 'x'.repeat(60)]) {
    assert.throws(() => sign(key, purpose, new Uint8Array(0)), /bug/);
  }
});

test('keys and signatures of a wrong size do not pass, and do not throw', () => {
  const key = signingKeyOf(new Uint8Array(32));
  const signature = sign(key, 'log batch', new Uint8Array(1));
  for (const size of [0, 31, 33, 63, 65]) {
    assert.equal(verify(key.publicKey, 'log batch', new Uint8Array(1), new Uint8Array(size)), false);
    assert.equal(verify(new Uint8Array(size), 'log batch', new Uint8Array(1), signature), false);
  }
});

test('the X25519 forms of two identities agree on a secret, and public and secret form belong together', () => {
  fc.assert(
    fc.property(seeds, seeds, (seedA, seedB) => {
      const [a, b] = [handshakeKeyOf(signingKeyOf(seedA)), handshakeKeyOf(signingKeyOf(seedB))];
      assert.equal(toHex(sharedSecret(a.secretKey, b.publicKey)), toHex(sharedSecret(b.secretKey, a.publicKey)));
      assert.equal(toHex(handshakePublicOf(signingKeyOf(seedA).publicKey)), toHex(a.publicKey));
      const secret = createPrivateKey({ key: a.secretKey, format: 'raw-private', asymmetricKeyType: 'x25519' });
      assert.equal(toHex(createPublicKey(secret).export({ format: 'raw-public' })), toHex(a.publicKey));
    }),
    few,
  );
});

test('what is no Ed25519 public key has no X25519 form', () => {
  const badKeys = [new Uint8Array(31), new Uint8Array(32), new Uint8Array(32).fill(0xff), new Uint8Array(33)];
  for (const key of badKeys) {
    assert.throws(
      () => handshakePublicOf(key),
      (error) => isAppError(error, 'public_key_bad'),
    );
  }
});

function sharedSecret(secretKey: Uint8Array, publicKey: Uint8Array): Uint8Array {
  return diffieHellman({
    privateKey: createPrivateKey({ key: secretKey, format: 'raw-private', asymmetricKeyType: 'x25519' }),
    publicKey: createPublicKey({ key: publicKey, format: 'raw-public', asymmetricKeyType: 'x25519' }),
  });
}
