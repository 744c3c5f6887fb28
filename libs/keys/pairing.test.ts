import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { wordlist } from '@scure/bip39/wordlists/english.js';
import { toHex } from '#runtime';
import { hintMac, hintMacMatches, invitationSecret, pairHint, pairSecret, sixWords } from './pairing.ts';
import { seededRandom } from './seeded-random.fixture.ts';

const psk = invitationSecret(seededRandom('pairing'));

test('six words are the first 66 bits of the labelled hash of the handshake', () => {
  const handshakeHash = new Uint8Array(32).fill(3);
  const digest = createHash('sha256').update('sitepair six words v1\0').update(handshakeHash).digest('hex');
  const bits = BigInt(`0x${digest}`) >> (256n - 66n);
  const expected = [5n, 4n, 3n, 2n, 1n, 0n].map((i) => wordlist[Number((bits >> (11n * i)) & 2047n)]);
  assert.deepEqual(sixWords(handshakeHash), expected);
});

test('handshakes that differ in one bit have other words', () => {
  const seen = new Set<string>();
  for (let bit = 0; bit < 256; bit++) {
    const hash = new Uint8Array(32);
    hash[bit >> 3]! ^= 1 << (bit & 7);
    seen.add(sixWords(hash).join(' '));
  }
  assert.equal(seen.size, 256);
});

test('hint and MAC have 8 and 16 bytes, and depend on the psk', () => {
  const bytes = Buffer.from('message 1');
  assert.equal(pairHint(psk).length, 8);
  assert.equal(hintMac(psk, bytes).length, 16);
  const other = invitationSecret(seededRandom('other'));
  assert.notEqual(toHex(pairHint(other)), toHex(pairHint(psk)));
  assert.equal(hintMacMatches(other, bytes, hintMac(psk, bytes)), false);
});

test('a MAC passes for its bytes only, and a wrong size is no error', () => {
  const bytes = Buffer.from('message 1');
  const mac = hintMac(psk, bytes);
  assert.ok(hintMacMatches(psk, bytes, mac));
  for (let bit = 0; bit < 128; bit++) {
    const changed = mac.slice();
    changed[bit >> 3]! ^= 1 << (bit & 7);
    assert.equal(hintMacMatches(psk, bytes, changed), false);
  }
  assert.equal(hintMacMatches(psk, Buffer.from('message 2'), mac), false);
  for (const size of [0, 8, 15, 17, 32]) assert.equal(hintMacMatches(psk, bytes, new Uint8Array(size)), false);
});

test('the secret of a new pair depends on both the chaining key and the handshake hash', () => {
  const [a, b] = [new Uint8Array(32), new Uint8Array(32).fill(1)];
  const secrets = [pairSecret(a, a), pairSecret(a, b), pairSecret(b, a), pairSecret(b, b)].map((one) => toHex(one));
  assert.equal(new Set(secrets).size, 4);
  assert.equal(secrets[0]!.length, 64);
});
