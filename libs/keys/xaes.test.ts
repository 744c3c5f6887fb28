import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { fromHex, isAppError, toHex } from '#runtime';
import { xaesOpen, xaesSeal, xaesSealInto } from './xaes.ts';

const text = (value: string) => new Uint8Array(Buffer.from(value));
const broken = (error: unknown) => isAppError(error, 'seal_broken');

test('the first vector of the XAES specification is met', () => {
  const key = new Uint8Array(32).fill(1);
  const sealed = xaesSeal(key, text('ABCDEFGHIJKLMNOPQRSTUVWX'), text('XAES-256-GCM'));
  assert.equal(toHex(sealed), 'ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271');
});

test('the second vector of the XAES specification, with associated data, is met', () => {
  const key = new Uint8Array(32).fill(3);
  const nonce = text('ABCDEFGHIJKLMNOPQRSTUVWX');
  const associatedData = text('c2sp.org/XAES-256-GCM');
  const sealed = xaesSeal(key, nonce, text('XAES-256-GCM'), associatedData);
  assert.equal(toHex(sealed), '986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d');
  assert.deepEqual(xaesOpen(key, nonce, sealed, associatedData), text('XAES-256-GCM'));
});

test('the accumulated vectors of the XAES specification are met, and each of them opens', () => {
  // One iteration takes at most 32 + 24 + 256 + 256 bytes of the random stream.
  const stream = createHash('shake128', { outputLength: 10_000 * 568 }).digest();
  const seen = createHash('shake128', { outputLength: 32 });
  let at = 0;
  const next = (count: number) => {
    at += count;
    return stream.subarray(at - count, at);
  };
  for (let i = 0; i < 10_000; i++) {
    const key = next(32);
    const nonce = next(24);
    const plaintext = next(next(1)[0]!);
    const associatedData = next(next(1)[0]!);
    const sealed = xaesSeal(key, nonce, plaintext, associatedData);
    seen.update(sealed);
    assert.equal(Buffer.compare(xaesOpen(key, nonce, sealed, associatedData), plaintext), 0);
  }
  assert.equal(seen.digest('hex'), 'e6b9edf2df6cec60c8cbd864e2211b597fb69a529160cd040d56c0c210081939');
});

test('sealing into a buffer gives the same bytes as sealing into a new one, across pieces, and touches no byte beside', () => {
  const key = new Uint8Array(32).fill(7);
  const nonce = new Uint8Array(24).fill(9);
  for (const size of [0, 1, 65_535, 65_536, 65_537, 200_000]) {
    const plaintext = new Uint8Array(size).map((_, i) => i * 31);
    const output = new Uint8Array(size + 16 + 20).fill(0xaa);
    assert.equal(xaesSealInto(key, nonce, plaintext, text('about'), output, 13), size + 16);
    assert.deepEqual(output.subarray(13, 13 + size + 16), xaesSeal(key, nonce, plaintext, text('about')));
    assert.ok([...output.subarray(0, 13), ...output.subarray(13 + size + 16)].every((byte) => byte === 0xaa));
    assert.deepEqual(xaesOpen(key, nonce, output.subarray(13, 13 + size + 16), text('about')), plaintext);
  }
});

test('a seal with any bit flipped, in content, tag, key, nonce or associated data, does not open', () => {
  const parts = [new Uint8Array(32).fill(1), new Uint8Array(24).fill(2), text('a record'), text('leaf')] as const;
  const sealed = xaesSeal(...parts);
  for (const [which, bytes] of [parts[0], parts[1], sealed, parts[3]].entries()) {
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const changed = [parts[0], parts[1], sealed, parts[3]].map((part) => part.slice());
      changed[which]![bit >> 3]! ^= 1 << (bit & 7);
      assert.throws(() => xaesOpen(changed[0]!, changed[1]!, changed[2]!, changed[3]!), broken);
    }
  }
});

test('a seal cut at any length does not open', () => {
  const key = fromHex('00'.repeat(32));
  const nonce = fromHex('00'.repeat(24));
  const sealed = xaesSeal(key, nonce, text('sixteen and more'));
  for (let length = 0; length < sealed.length; length++) {
    assert.throws(() => xaesOpen(key, nonce, sealed.subarray(0, length)), broken);
  }
});

test('whatever was sealed opens to itself', () => {
  const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
  fc.assert(
    fc.property(bytes(32), bytes(24), fc.uint8Array(), fc.uint8Array(), (key, nonce, plaintext, about) => {
      assert.deepEqual(xaesOpen(key, nonce, xaesSeal(key, nonce, plaintext, about), about), new Uint8Array(plaintext));
    }),
    { numRuns: 200 },
  );
});
