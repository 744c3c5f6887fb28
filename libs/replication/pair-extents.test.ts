import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Extent } from '#model';
import { pairExtents } from './pair-extents.ts';

const chunkBytes = 300_000;
const hashOf = (name: string) => createHash('sha256').update(name).digest();
const names = new Map<string, string>();

/** A file of chunks, each told by a letter; a dot is a run of zeros. */
function file(letters: string, length = chunkBytes): Extent[] {
  return [...letters].map((letter) => {
    if (letter === '.') return { chunkHash: new Uint8Array(0), length };
    names.set(hashOf(letter).toString('hex'), letter);
    return { chunkHash: hashOf(letter), length };
  });
}

const nameOf = (hash: Uint8Array) => names.get(Buffer.from(hash).toString('hex')) ?? '?';

/** Each new chunk with those it is paired with: 'X:ab'. */
function pairs(older: readonly Extent[], newer: readonly Extent[]): string[] {
  return pairExtents(older, newer).map(({ hash, earlier }) => `${nameOf(hash)}:${earlier.map(nameOf).sort().join('')}`);
}

test('a changed chunk goes with what stood between the same neighbours', () => {
  assert.deepEqual(pairs(file('abcd'), file('abXd')), ['X:c']);
  assert.deepEqual(pairs(file('abcdef'), file('aXdYf')), ['X:bc', 'Y:e']);
});

test('what was put in goes with its neighbour: in the middle, at the end, and at the front', () => {
  assert.deepEqual(pairs(file('abc'), file('abXc')), ['X:b']);
  assert.deepEqual(pairs(file('abc'), file('abcX')), ['X:c']);
  assert.deepEqual(pairs(file('abc'), file('Xabc')), ['X:a']);
});

test('bytes that were put in at the front move everything, and each change still finds its own place', () => {
  const front = file('F', 5_000_000);
  const older = file('abcdefghijklmnop');
  const newer = [...front, ...file('abcXefghijklmYop')];
  assert.deepEqual(pairs(older, newer).slice(1), ['X:d', 'Y:n']);
});

test('where nothing is the same, the place counts, from the beginning and from the end', () => {
  const found = pairs(file('abcdefghijkl'), file('ABCDEFGHIJKL'));
  for (const pair of found) assert.ok(pair.includes(pair[0]?.toLowerCase() ?? '?', 2), pair);
  // Something was put in somewhere: what is behind it is found from the end.
  const moved = pairs(file('abcdefghijkl'), [...file('Z', 2_000_000), ...file('ABCDEFGHIJKL')]);
  for (const pair of moved.slice(1)) assert.ok(pair.includes(pair[0]?.toLowerCase() ?? '?', 2), pair);
  assert.ok(
    found.every((pair) => pair.length <= 5),
    'no more than what lies there and beside it',
  );
});

test('runs of zeros are no chunks, and take up room', () => {
  assert.deepEqual(pairs(file('a......b'), file('a......X')), ['X:b']);
  assert.deepEqual(pairs(file('....'), file('a')), ['a:']);
  assert.deepEqual(pairs([], file('a')), ['a:']);
  assert.deepEqual(pairs(file('a'), file('..')), []);
});

test('chunks that changed places are the same chunks, and an unchanged file has nothing to pair', () => {
  assert.deepEqual(pairs(file('abcd'), file('dcba')), []);
  assert.deepEqual(pairs(file('aabba'), file('aabba')), []);
  assert.deepEqual(pairs(file('abcd'), file('dXa')), ['X:d']);
});

test('every chunk that is new is told once for each place, in order, with chunks of the old version only', () => {
  const letters = fc.string({ unit: fc.constantFrom(...'abcdefg.'), maxLength: 30 });
  fc.assert(
    fc.property(letters, letters, fc.integer({ min: 1, max: 900_000 }), (older, newer, length) => {
      const found = pairExtents(file(older, length), file(newer));
      const fresh = [...newer].filter((letter) => letter !== '.' && !older.includes(letter));
      assert.deepEqual(
        found.map(({ hash }) => nameOf(hash)),
        fresh,
      );
      const hasAny = [...older].some((letter) => letter !== '.');
      for (const { earlier } of found) {
        assert.ok(earlier.every((hash) => older.includes(nameOf(hash))));
        assert.ok(!hasAny || earlier.length > 0, 'nothing to compare with, though there is something');
      }
    }),
    { numRuns: 300 },
  );
});
