import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { padmeLength } from './padme.ts';

test('known lengths come out as the algorithm of the paper has them', () => {
  const known = [
    [0, 0],
    [1, 1],
    [2, 2],
    [3, 3],
    [7, 7],
    [8, 8],
    [9, 10],
    [100, 104],
    [1000, 1024],
    [4096, 4096],
    [4097, 4352],
    [65_537, 67_584],
    [1_000_000, 1_015_808],
    [1_048_577, 1_081_344],
    [1_000_000_000, 1_006_632_960],
    [2 ** 40 + 1, 2 ** 40 + 2 ** 34],
  ] as const;
  for (const [length, padded] of known) assert.equal(padmeLength(length), padded, `of ${length}`);
});

test('padding never shortens, and never adds more than 12 per cent', () => {
  for (let length = 1; length <= 100_000; length++) {
    const padded = padmeLength(length);
    assert.ok(padded >= length && padded <= length * 1.12, `${length} became ${padded}`);
  }
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2 ** 52 }), (length) => {
      assert.ok(padmeLength(length) >= length && padmeLength(length) <= length * 1.12);
    }),
  );
});

test('from 1 MiB on padding adds at most 3.2 per cent', () => {
  fc.assert(fc.property(fc.integer({ min: 2 ** 20, max: 2 ** 52 }), (length) => padmeLength(length) <= length * 1.032));
});

test('a padded length stays as it is, and order is kept', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 52 }), fc.nat(1000), (length, more) => {
      assert.equal(padmeLength(padmeLength(length)), padmeLength(length));
      assert.ok(padmeLength(Math.min(length + more, 2 ** 52)) >= padmeLength(length));
    }),
  );
});

test('the million lengths up to 1 MiB come out as a few hundred', () => {
  const seen = new Set<number>();
  for (let length = 0; length <= 2 ** 20; length++) seen.add(padmeLength(length));
  assert.ok(seen.size < 500, `${seen.size} lengths`);
});
