import assert from 'node:assert/strict';
import { test } from 'node:test';
import { constants, zstdCompressSync } from 'node:zlib';
import { isAppError } from '#runtime';
import { Compression, decompressBody } from './compression.ts';
import { zstdContentBytes } from './zstd-content-bytes.ts';

const lengths = [0, 1, 100, 255, 256, 257, 16_384, 65_535, 65_791, 65_792, 300_000, 1_048_576];
const contentOf = (length: number) => Buffer.alloc(length, 'what is told again and again');
const rawMaxBytes = 2_097_152;

test('content of any length comes back, whether its frame tells the length or not', () => {
  for (const length of lengths) {
    const content = contentOf(length);
    const silent = zstdCompressSync(content, { params: { [constants.ZSTD_c_contentSizeFlag]: 0 } });
    const telling = zstdCompressSync(content, { pledgedSrcSize: length });
    assert.equal(zstdContentBytes(silent), undefined, `${length} bytes, not told`);
    if (length > 0) assert.equal(zstdContentBytes(telling), length);
    for (const body of [silent, telling]) {
      const raw = decompressBody({ compression: Compression.zstd, body }, rawMaxBytes);
      assert.deepEqual(Buffer.from(raw), content);
    }
  }
});

test('a frame that lies about its length, or breaks off, is damaged', () => {
  const body = zstdCompressSync(contentOf(100_000), { pledgedSrcSize: 100_000 });
  for (const told of [0, 1, 99_999, 100_001, 2 ** 32 - 1]) {
    const lying = Buffer.from(body);
    lying.writeUInt32LE(told, 5);
    assert.equal(zstdContentBytes(lying), told);
    assert.throws(() => decompressBody({ compression: Compression.zstd, body: lying }, rawMaxBytes), isDamage);
  }
  for (let length = 0; length < 16; length++) {
    const broken = { compression: Compression.zstd, body: body.subarray(0, length) };
    assert.throws(() => decompressBody(broken, rawMaxBytes), isDamage);
  }
});

const isDamage = (error: unknown) => isAppError(error, 'record_damaged');
