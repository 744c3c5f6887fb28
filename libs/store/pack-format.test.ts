import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asId } from '#model';
import { concatBytes, fromHex, isAppError, toHex } from '#runtime';
import { parseRecord, sha256 } from '#wire';
import { decodeMarker, encodeMarker, markerBytes } from './commit-marker.ts';
import { decodeFooter, decodeTrailer, encodeFooter, entryOf, trailerBytes } from './pack-footer.ts';
import { decodePackHeader, encodePackHeader, PackClass, packHeaderBytes } from './pack-header.ts';
import { packName, parsePackName } from './pack-name.ts';
import { seededRandom, testRecord } from './testing/records.ts';

const packId = asId('PackId', fromHex('000102030405060708090a0b0c0d0e0f'));
const realmId = asId('RealmId', fromHex('101112131415161718191a1b1c1d1e1f'));
const marker = {
  packId,
  group: 3,
  records: 2,
  start: 4096,
  length: 1000,
  checksumsHash: Uint8Array.from(sha256(packId)),
};

/** Calls `check` with every copy of `bytes` that differs in one bit. */
function everyFlip(bytes: Uint8Array, check: (flipped: Uint8Array, bit: number) => void): void {
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const flipped = Uint8Array.from(bytes);
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    check(flipped, bit);
  }
}

test('the name of a pack tells its number, and nothing else passes for one', () => {
  assert.equal(packName(0, 'open'), '000000/0000000000.open');
  assert.equal(packName(1025, 'pack'), '000001/0000001025.pack');
  assert.equal(packName(9_999_999_999, 'pack'), '9765624/9999999999.pack');
  assert.deepEqual(parsePackName('000001/0000001025.pack'), { number: 1025, suffix: 'pack' });
  assert.deepEqual(parsePackName('9765624/9999999999.open'), { number: 9_999_999_999, suffix: 'open' });
  for (const name of [
    '000000/0000001025.pack',
    '0000001025.pack',
    '000001/0000001025.bad',
    '000001/1025.pack',
    'store.json',
  ]) {
    assert.equal(parsePackName(name), undefined);
  }
});

test('a header is the bytes of FORMAT.md, and any flipped bit in it is seen', () => {
  const bytes = encodePackHeader({ class: PackClass.nodes, packId, realmId });
  assert.equal(bytes.length, packHeaderBytes);
  assert.equal(toHex(bytes.subarray(0, 48)), `a75350500d0a1a310102000000000000${toHex(packId)}${toHex(realmId)}`);
  assert.equal(toHex(bytes.subarray(48)), toHex(sha256(bytes.subarray(0, 48))).slice(0, 32));
  assert.deepEqual(decodePackHeader(bytes, 'a'), { class: PackClass.nodes, packId, realmId });
  everyFlip(bytes, (flipped) => assert.equal(decodePackHeader(flipped, 'a'), undefined));
});

test('a whole header of a later version says pack_too_new and is not taken for damage', () => {
  const bytes = encodePackHeader({ class: PackClass.leaves, packId, realmId });
  bytes[8] = 2;
  bytes.set(sha256(bytes.subarray(0, 48)).subarray(0, 16), 48);
  assert.throws(
    () => decodePackHeader(bytes, 'a.pack'),
    (error) => isAppError(error, 'pack_too_new'),
  );
});

test('a marker is the bytes of FORMAT.md, counts at its own place in its own pack only, and any flipped bit is seen', () => {
  const bytes = encodeMarker(marker);
  assert.equal(bytes.length, markerBytes);
  assert.equal(
    toHex(bytes.subarray(0, 96)),
    `a75350430d0a1a31${toHex(packId)}03000000020000000010000000000000e803000000000000${toHex(sha256(packId))}${'00'.repeat(16)}`,
  );
  assert.deepEqual(decodeMarker(bytes, 5096, packId), marker);
  assert.deepEqual(decodeMarker(bytes, 5096, undefined), marker);
  assert.equal(decodeMarker(bytes, 5097, packId), undefined);
  assert.equal(decodeMarker(bytes, 5096, asId('PackId', realmId)), undefined);
  everyFlip(bytes, (flipped) => assert.equal(decodeMarker(flipped, 5096, packId), undefined));
});

test('a footer lists what was put in, and any flipped bit in it or its trailer is seen', () => {
  const random = seededRandom(2);
  const records = [testRecord(random, { ids: 3 }), testRecord(random)].map((bytes) => parseRecord(bytes));
  const entries = records.map((record, i) => entryOf(record, 64 + 300 * i));
  const end = concatBytes(encodeFooter(entries, 700));
  const packBytes = 700 + end.length;
  const read = (bytes: Uint8Array) => {
    const trailer = decodeTrailer(bytes.subarray(-trailerBytes), packBytes);
    const head = bytes.subarray(-trailerBytes, -trailerBytes / 2);
    return trailer && decodeFooter(bytes.subarray(0, -trailerBytes), trailer, head);
  };
  assert.equal(end.length, 2 * 40 + 4 * 20 + trailerBytes);
  assert.deepEqual(read(end), entries);
  everyFlip(end, (flipped) => assert.equal(read(flipped), undefined));
  assert.equal(decodeTrailer(end.subarray(-trailerBytes), packBytes + 1), undefined);
});
