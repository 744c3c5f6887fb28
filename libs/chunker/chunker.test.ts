import assert from 'node:assert/strict';
import { createCipheriv } from 'node:crypto';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { Chunker, chunkerDefaults } from './index.ts';

const mebibyte = 1024 * 1024;
const chunker = Chunker.create(new Uint8Array(32));

function randomBytes(seed: number, length: number): Uint8Array {
  return createCipheriv('aes-256-ctr', Buffer.alloc(32, seed), Buffer.alloc(16)).update(Buffer.alloc(length));
}

/** Lengths of chunks from their ends. */
function lengthsOf(cuts: readonly number[]): number[] {
  return cuts.map((cut, index) => cut - (cuts[index - 1] ?? 0));
}

/** Cuts `content` that arrives in reads of the given sizes (repeated as needed), as a caller with a file does. */
function cutPointsOfReads(reader: Chunker, content: Uint8Array, readSizes: readonly number[]): number[] {
  const cuts: number[] = [];
  let taken = 0;
  let start = 0;
  let end = 0;
  for (let reads = 0; ; ) {
    const final = taken === content.length;
    const cut = reader.findCut(start, end, final);
    if (cut === start) return cuts;
    if (cut !== -1) {
      cuts.push(taken - end + cut);
      start = cut;
      continue;
    }
    reader.input.copyWithin(0, start, end);
    end -= start;
    start = 0;
    const part = content.subarray(taken, taken + readSizes[reads++ % readSizes.length]!);
    reader.input.set(part, end);
    end += part.length;
    taken += part.length;
  }
}

test('chunks of random content keep within the limits and have the mean that was asked for, to 10 %', () => {
  const lengths = lengthsOf(chunker.cutPoints(randomBytes(1, 128 * mebibyte)));
  const mean = (128 * mebibyte) / lengths.length;
  assert.ok(Math.abs(mean / chunkerDefaults.meanBytes - 1) < 0.1, `the mean is ${mean}`);
  const whole = lengths.slice(0, -1);
  assert.ok(Math.min(...whole) >= chunkerDefaults.minBytes);
  assert.ok(Math.max(...lengths) <= chunkerDefaults.maxBytes);
});

test('the mean comes out right for other parameters too', () => {
  for (const parameters of [
    { minBytes: 64, meanBytes: 1000, maxBytes: 8000 },
    { minBytes: 16_384, meanBytes: 100_000, maxBytes: 1_000_000 },
  ]) {
    const length = parameters.meanBytes * 2000;
    const count = Chunker.create(new Uint8Array(32), parameters).cutPoints(randomBytes(2, length)).length;
    assert.ok(Math.abs(count / 2000 - 1) < 0.05, `${count} chunks instead of 2000`);
  }
});

test('one byte put before 64 MiB leaves nearly all chunks as they were', () => {
  const content = Buffer.concat([Buffer.of(1), randomBytes(3, 64 * mebibyte)]);
  const before = chunker.cutPoints(content.subarray(1));
  const after = new Set(chunker.cutPoints(content).map((cut) => cut - 1));
  const changed = before.filter((cut) => !after.has(cut)).length;
  assert.ok(changed <= 10, `${changed} of ${before.length} cuts moved`);
});

test('how reads were split changes no cut', () => {
  const small = Chunker.create(new Uint8Array(32), { minBytes: 64, meanBytes: 300, maxBytes: 2000 });
  const readSizes = fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(fc.nat(255), fc.nat(20_000), fc.nat(8000), readSizes, (seed, length, zeros, sizes) => {
      const content = Buffer.concat([randomBytes(seed, length), Buffer.alloc(zeros), randomBytes(seed, 500)]);
      assert.deepEqual(cutPointsOfReads(small, content, sizes), small.cutPoints(content));
    }),
  );
});

test('reads of a file system change no cut of large content', () => {
  const content = randomBytes(4, 23 * mebibyte + 17);
  assert.deepEqual(cutPointsOfReads(chunker, content, [1, 300_000, 8 * mebibyte]), chunker.cutPoints(content));
});

test('zeros become chunks of the greatest length', () => {
  const lengths = lengthsOf(chunker.cutPoints(new Uint8Array(21 * mebibyte)));
  assert.deepEqual(lengths, [...new Array<number>(10).fill(chunkerDefaults.maxBytes), mebibyte]);
});

test('an empty content has no chunk, a short one has one', () => {
  assert.deepEqual(chunker.cutPoints(new Uint8Array(0)), []);
  assert.equal(chunker.findCut(5, 5, true), 5);
  assert.equal(chunker.findCut(5, 5, false), -1);
  for (const length of [1, 63, 64, chunkerDefaults.minBytes - 1]) {
    assert.deepEqual(chunker.cutPoints(randomBytes(5, length)), [length]);
  }
});

test('more bytes are asked for only while a longer chunk is possible', () => {
  chunker.input.fill(0);
  assert.equal(chunker.findCut(100, 100 + chunkerDefaults.maxBytes - 1, false), -1);
  assert.equal(chunker.findCut(100, 100 + chunkerDefaults.maxBytes - 1, true), 100 + chunkerDefaults.maxBytes - 1);
  assert.equal(chunker.findCut(100, 100 + chunkerDefaults.maxBytes, false), 100 + chunkerDefaults.maxBytes);
});

test('bytes behind the end, left by an earlier content, change no cut', () => {
  const content = randomBytes(6, mebibyte);
  const cuts = chunker.cutPoints(content);
  for (const rest of [0, 255]) {
    chunker.input.fill(rest);
    assert.deepEqual(chunker.cutPoints(content), cuts);
  }
});

test('another key cuts elsewhere', () => {
  const content = randomBytes(7, 32 * mebibyte);
  const other = new Set(Chunker.create(Buffer.alloc(32, 1)).cutPoints(content));
  const shared = chunker.cutPoints(content).filter((cut) => other.has(cut));
  assert.deepEqual(shared, [content.length]);
});

test('the chunker keeps its own copy of the key, and instances do not touch each other', () => {
  const content = randomBytes(8, 4 * mebibyte);
  const key = new Uint8Array(32);
  const first = Chunker.create(key);
  const second = Chunker.create(key.fill(9));
  second.input.fill(3);
  assert.deepEqual(first.cutPoints(content), chunker.cutPoints(content));
});

test('a run of zeros is measured to the byte, wherever it begins and ends', () => {
  fc.assert(
    fc.property(fc.nat(300), fc.nat(500), fc.nat(300), fc.nat(7), (start, zeros, behind, bit) => {
      chunker.input.fill(255, 0, 1200);
      chunker.input.fill(0, start, start + zeros);
      chunker.input[start + zeros] = 1 << bit;
      assert.equal(chunker.zeroRun(start, start + zeros + behind), zeros);
      assert.equal(chunker.zeroRun(start, start + (zeros >> 1)), zeros >> 1);
    }),
  );
  chunker.input.fill(0);
  assert.equal(chunker.zeroRun(0, chunker.input.length), chunker.input.length);
});

test('the memory is the same for life', () => {
  const { buffer } = chunker.input;
  chunker.cutPoints(randomBytes(9, 30 * mebibyte));
  assert.equal(chunker.input.buffer, buffer);
  assert.equal(buffer.byteLength, 10 * mebibyte + 65_536);
});

test('a worker thread cuts as the main thread does', async () => {
  const source = `
    import { parentPort, workerData } from 'node:worker_threads';
    const { Chunker } = await import(workerData.library);
    parentPort.postMessage(Chunker.create(new Uint8Array(32)).cutPoints(workerData.content));`;
  const content = randomBytes(10, 5 * mebibyte);
  const library = new URL('index.ts', import.meta.url).href;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`), {
    workerData: { library, content },
  });
  const cuts = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
  assert.deepEqual(cuts, chunker.cutPoints(content));
});

test('offsets, keys and parameters out of place are our bugs, and stop', () => {
  const end = chunker.input.length;
  for (const [start, stop] of [
    [-1, 5],
    [6, 5],
    [0, end + 1],
    [0.5, 5],
    [Number.NaN, 5],
  ] as const) {
    assert.throws(() => chunker.findCut(start, stop, true), /not within the input/);
    assert.throws(() => chunker.zeroRun(start, stop), /not within the input/);
  }
  assert.throws(() => Chunker.create(new Uint8Array(31)), /32 bytes/);
  const good = { minBytes: 64, meanBytes: 128, maxBytes: 129 };
  assert.doesNotThrow(() => Chunker.create(new Uint8Array(32), good));
  for (const bad of [
    { minBytes: 63 },
    { meanBytes: 127 },
    { maxBytes: 128 },
    { maxBytes: 2 * mebibyte + 1 },
    { minBytes: 64.5 },
  ]) {
    assert.throws(() => Chunker.create(new Uint8Array(32), { ...good, ...bad }), /bug: /);
  }
});
