import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { asId } from '#model';
import { fromHex, toHex } from '#runtime';
import { signBatch } from './batch.ts';
import { encodeBody } from './body-codec.ts';
import { digestOf } from './heads.ts';
import { encodeFrame } from './log-frame.ts';
import type { BodySealer } from './ports.ts';
import { encodeIncarnationStatement, incarnationIdOf } from './statements.ts';
import { noKeys, testSigner } from './testing/test-keys.ts';

const siteId = asId('SiteId', new Uint8Array(16).fill(0x11));
const incarnationId = asId('IncarnationId', new Uint8Array(16).fill(0x22));
const place = { siteId, incarnationId, seq: 3, index: 1 };

test('the digest is the one that the page defines', () => {
  const hash = new Uint8Array(32).fill(0x33);
  const defined = createHash('sha256')
    .update('sitepair catalog digest v1\0', 'latin1')
    .update(fromHex(`${'11'.repeat(16)}${'22'.repeat(16)}0302010000000000${'33'.repeat(32)}`))
    .digest('hex');
  assert.equal(toHex(digestOf([{ siteId, incarnationId, seq: 0x010203, hash }])), defined);
});

test('an incarnation is named after its statement', () => {
  const nonce = new Uint8Array(16).fill(0x44);
  const publicKey = new Uint8Array(32).fill(0x55);
  const kitId = new Uint8Array(8).fill(0x66);
  const bytes = encodeIncarnationStatement({ siteId, nonce, number: 1, publicKey, cut: undefined, kitId });
  const expected = `0a10${'11'.repeat(16)}1210${'44'.repeat(16)}18012220${'55'.repeat(32)}3208${'66'.repeat(8)}`;
  assert.equal(toHex(bytes), expected);
  assert.equal(toHex(incarnationIdOf(bytes)), createHash('sha256').update(bytes).digest('hex').slice(0, 32));
});

test('a seal is bound to its place, its plain bytes are a length, the message and zeros', () => {
  const seen: string[] = [];
  const sealer: BodySealer = {
    seal(plain, aad) {
      seen.push(toHex(plain), toHex(aad));
      return undefined;
    },
    open: () => undefined,
  };
  encodeBody({ kind: 'keyRotated', keyId: asId('KeyId', new Uint8Array(8).fill(9)) }, place, sealer);
  const label = Buffer.from('sitepair catalog body v1\0', 'latin1').toString('hex');
  assert.deepEqual(seen, [
    `0a0000000a08${'09'.repeat(8)}`.padEnd(128, '0'),
    `${label}${'11'.repeat(16)}${'22'.repeat(16)}0300000000000000010000000c000000`,
  ]);
});

test('a frame is magic, length, signed batch, checksum', () => {
  const body = encodeBody({ kind: 'keyRotated', keyId: asId('KeyId', new Uint8Array(8)) }, place, noKeys);
  const head = { siteId, incarnationId, seq: 1, hash: new Uint8Array(32) };
  const batch = signBatch(
    {
      siteId,
      incarnationId,
      incarnationNumber: 1,
      seq: 3,
      previousHash: new Uint8Array(32).fill(0x77),
      headsSeen: [head],
      allHeads: true,
      wallSeconds: -1,
      wallNanos: 5,
      bodies: [body],
    },
    testSigner('known answers'),
  );
  const encoded =
    `0a10${'11'.repeat(16)}1210${'22'.repeat(16)}180120032a20${'77'.repeat(32)}` +
    `32480a10${'11'.repeat(16)}1210${'22'.repeat(16)}18012220${'00'.repeat(32)}` +
    `380140014805520e${toHex(body)}`;
  assert.equal(toHex(batch.batchBytes), encoded);
  assert.equal(toHex(batch.hash), createHash('sha256').update(fromHex(encoded)).digest('hex'));
  const frame = toHex(encodeFrame(batch.signedBytes));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(batch.signedBytes.length);
  const before = `a75350420d0a1a31${toHex(length)}0a${varint(encoded.length / 2)}${encoded}1240${toHex(batch.signature)}`;
  assert.equal(frame, before + createHash('sha256').update(fromHex(before)).digest('hex').slice(0, 32));
});

function varint(value: number): string {
  return toHex(value < 128 ? new Uint8Array([value]) : new Uint8Array([(value & 127) | 128, value >> 7]));
}
