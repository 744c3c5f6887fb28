import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import type { RecordId } from '#model';
import { SimilarContents } from './similar-contents.ts';
import { type Sketch, sketchedBytesMin, sketchOf } from './sketch.ts';

const noise = (seed: string, length: number) => createHash('shake128', { outputLength: length }).update(seed).digest();
const alike = (a: Sketch | undefined, b: Sketch | undefined) =>
  a !== undefined && b !== undefined && a.some((feature, i) => feature === b[i]);

/** `content` with `count` small changes that are spread over it. */
function edited(content: Uint8Array, count: number): Uint8Array {
  const parts = [];
  const step = Math.floor(content.length / count);
  for (let i = 0; i < count; i++) parts.push(content.subarray(i * step, (i + 1) * step), noise(`edit ${i}`, 7));
  return Buffer.concat(parts);
}

test('contents that are alike in most places share a super-feature, wherever something was put in', () => {
  let found = 0;
  for (let i = 0; i < 20; i++) {
    const content = noise(`content ${i}`, 30_000);
    if (alike(sketchOf(content), sketchOf(edited(content, 3)))) found += 1;
  }
  assert.ok(found >= 18, `${found} of 20`);
  const content = noise('moved', 30_000);
  assert.ok(alike(sketchOf(content), sketchOf(Buffer.concat([noise('in front', 999), content]))));
});

test('random contents share none', () => {
  const sketches = Array.from({ length: 60 }, (_, i) => sketchOf(noise(`random ${i}`, 4000 + i)));
  for (const [i, one] of sketches.entries()) for (const other of sketches.slice(i + 1)) assert.ok(!alike(one, other));
});

test('the same content has the same sketch, what is too short has none, and runs do not look alike', () => {
  assert.deepEqual(sketchOf(noise('same', 5000)), sketchOf(noise('same', 5000)));
  assert.equal(sketchOf(noise('short', sketchedBytesMin - 1)), undefined);
  // Runs without a sample have no sketch: else they would all look alike.
  const runs = Array.from({ length: 256 }, (_, byte) => sketchOf(Buffer.alloc(10_000, byte)));
  const told = runs.filter((run) => run !== undefined);
  assert.ok(told.length < runs.length);
  for (const [i, run] of told.entries()) for (const other of told.slice(i + 1)) assert.ok(!alike(run, other));
});

test('what shares most is found first, and the newest of those that look the same', () => {
  const idOf = (n: number) => new Uint8Array(20).fill(n) as RecordId;
  const similar = new SimilarContents();
  similar.add(idOf(1), [1, 2, 3]);
  similar.add(idOf(2), [1, 9, 9]);
  assert.deepEqual(similar.find([1, 2, 3]), [idOf(1), idOf(2)]);
  assert.deepEqual(similar.find([7, 9, 9]), [idOf(2)]);
  similar.add(idOf(3), [1, 2, 3]);
  assert.deepEqual(similar.find([1, 2, 3]), [idOf(3)]);
  // A feature counts in its own place only.
  assert.deepEqual(similar.find([2, 3, 1]), []);
});
