import assert from 'node:assert/strict';
import { createCipheriv, hkdfSync } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { Chunker, type ChunkerParameters, chunkerDefaults } from './index.ts';

/** proto/CHUNKING.md word by word, in the slowest and plainest way: it shares no line with the library. */
function referenceCutPoints(
  chunkerKey: Uint8Array,
  { minBytes, meanBytes, maxBytes }: ChunkerParameters,
  content: Uint8Array,
): number[] {
  const table = new BigUint64Array(256);
  const expanded = Buffer.from(hkdfSync('sha256', chunkerKey, Buffer.alloc(32), 'sitepair gear table v1', 2048));
  for (let byte = 0; byte < 256; byte++) table[byte] = expanded.readBigUInt64LE(byte * 8);

  const d = BigInt(meanBytes - minBytes);
  const normalBytes = minBytes + Number((57n * d) / 64n);
  const cuts: number[] = [];
  let hash = 0n;
  let length = 0;
  for (const [at, byte] of content.entries()) {
    hash = BigInt.asUintN(64, 2n * hash + table[byte]!);
    length++;
    const limit = length <= normalBytes ? 2n ** 62n / d : 2n ** 66n / d;
    if ((length >= minBytes && hash < limit) || length === maxBytes || at + 1 === content.length) {
      cuts.push(at + 1);
      hash = 0n;
      length = 0;
    }
  }
  return cuts;
}

/** Parameters small enough that a few kilobytes hold many chunks of all kinds. */
const smallParameters = fc
  .record({
    minBytes: fc.integer({ min: 64, max: 200 }),
    aboveMin: fc.integer({ min: 64, max: 400 }),
    aboveMean: fc.integer({ min: 1, max: 900 }),
  })
  .map(({ minBytes, aboveMin, aboveMean }) => ({
    minBytes,
    meanBytes: minBytes + aboveMin,
    maxBytes: minBytes + aboveMin + aboveMean,
  }));

/** Random bytes, few different bytes, and runs of one byte, in any order. */
const content = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 1500 }),
      fc.uint8Array({ maxLength: 1500, max: 2 }),
      fc.tuple(fc.nat(3000), fc.nat(255)).map(([length, byte]) => new Uint8Array(length).fill(byte)),
    ),
    { maxLength: 6 },
  )
  .map((parts) => new Uint8Array(Buffer.concat(parts)));

const key = fc.uint8Array({ minLength: 32, maxLength: 32 });

test('the kernel cuts where the plain reference does, whatever the key, the parameters and the content', () => {
  fc.assert(
    fc.property(key, smallParameters, content, (chunkerKey, parameters, bytes) => {
      const cuts = Chunker.create(chunkerKey, parameters).cutPoints(bytes);
      assert.deepEqual(cuts, referenceCutPoints(chunkerKey, parameters, bytes));
    }),
    { numRuns: 150 },
  );
});

test('the kernel cuts where the plain reference does under the default parameters, on more than its input holds', () => {
  const chunkerKey = Buffer.alloc(32, 7);
  const random = createCipheriv('aes-256-ctr', chunkerKey, Buffer.alloc(16)).update(Buffer.alloc(9_000_000));
  const bytes = Buffer.concat([random.subarray(0, 4_000_000), Buffer.alloc(2_500_000), random.subarray(4_000_000)]);
  assert.deepEqual(Chunker.create(chunkerKey).cutPoints(bytes), referenceCutPoints(chunkerKey, chunkerDefaults, bytes));
});
