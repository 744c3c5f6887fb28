import assert from 'node:assert/strict';
import { createCipheriv, createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { gearTable } from './gear-table.ts';
import { Chunker } from './index.ts';

// The numbers were computed by a separate program from the words of the document, not by this library.
const known = [
  {
    chunkerKey: new Uint8Array(32),
    entries: '56bcbd8f8c252439, 24f44e7b75c50533, d5786e24fd8b6c42, b4c309c2d9f5d218; T[255] = 251a3b219c5da29d',
    defaults: '210765, 637445, 1051086, 1418949, 2155805, 2566093, 2952285, 3339992, 3503475, 4035079, 4194304',
    small: '288, 524, 833, 1140, 1422, 1658, 1902, 2287, 2532, 2600, 2870, 3169, 3449, 3569, 3826, 3950, 4096',
  },
  {
    chunkerKey: Uint8Array.from({ length: 32 }, (_, index) => index),
    entries: 'dd44accc3943f1f2, ef716be739fa14f7, 3d1b52285ba005c4, 4e281d4842dded11; T[255] = 4e78bf59cab0ef38',
    defaults: '386927, 837093, 1221739, 1595266, 1859488, 2385111, 2875846, 3250486, 3905015, 4194304',
    small: '246, 478, 830, 1077, 1320, 1633, 1733, 2022, 2320, 2560, 2801, 3119, 3362, 3630, 3830, 4096',
  },
];

const stream = createCipheriv('aes-256-ctr', Buffer.alloc(32), Buffer.alloc(16)).update(Buffer.alloc(4_194_304));

test('the stream of the known answers is the one that the document names', () => {
  const hash = createHash('sha256').update(stream).digest('hex');
  assert.equal(hash, '7abce487a884248e5c1c4bdb87be294714721c19ee20fde4f62709cd9de7ca7d');
});

for (const [index, { chunkerKey, entries, defaults, small }] of known.entries()) {
  test(`the table and the cuts of known key ${index} never change`, () => {
    const table = gearTable(chunkerKey);
    const entry = (at: number) =>
      new DataView(table.buffer)
        .getBigUint64(at * 8, true)
        .toString(16)
        .padStart(16, '0');
    assert.equal(`${[0, 1, 2, 3].map(entry).join(', ')}; T[255] = ${entry(255)}`, entries);
    assert.equal(Chunker.create(chunkerKey).cutPoints(stream).join(', '), defaults);
    const smallChunker = Chunker.create(chunkerKey, { minBytes: 64, meanBytes: 256, maxBytes: 1024 });
    assert.equal(smallChunker.cutPoints(stream.subarray(0, 4096)).join(', '), small);
    assert.deepEqual(
      Chunker.create(chunkerKey).cutPoints(new Uint8Array(5_242_880)),
      [2_097_152, 4_194_304, 5_242_880],
    );
  });
}

test('the document gives the same known answers as this test', () => {
  const document = readFileSync(new URL('../../proto/CHUNKING.md', import.meta.url), 'utf8');
  for (const { entries, defaults, small } of known) {
    for (const answer of [entries, defaults, small]) assert.ok(document.includes(answer), answer);
  }
});
