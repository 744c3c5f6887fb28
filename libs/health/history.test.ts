import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { stepBytesMax } from './block.ts';
import { fields } from './counts.ts';
import { HealthHistory } from './history.ts';

const root = mkdtempSync(join(tmpdir(), 'sitepair-health-'));
after(() => rmSync(root, { recursive: true }));
let folders = 0;
const newFolder = () => join(root, `${folders++}`);
const south = new Uint8Array(16).fill(2);
const start = 1_800_000_000;

function sumOf(history: HealthHistory, range: { from: number; to: number; now: number }, step: number): number {
  const { points } = history.query(south, range, step);
  return points.reduce((sum, { counts }) => sum + (counts.sentBytes ?? 0), 0);
}

test('a minute and an hour are exactly the sums of their seconds, across restarts and whatever the clock does', async () => {
  const change = fc.record({
    stepSeconds: fc.oneof(fc.constant(1), fc.integer({ min: -4000, max: 4000 })),
    sentBytes: fc.integer({ min: 0, max: 2 ** 40 }),
    restart: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(change, { maxLength: 40 }), async (changes) => {
      const folder = newFolder();
      let history = HealthHistory.open(folder);
      let at = start;
      let sent = 0;
      for (const { stepSeconds, sentBytes, restart } of changes) {
        at += stepSeconds;
        sent += sentBytes;
        history.add(south, at, { sentBytes, observedMs: 1000 });
        if (!restart) continue;
        await history[Symbol.asyncDispose]();
        history = HealthHistory.open(folder);
      }
      const range = { from: start - 200_000, to: start + 200_000, now: start };
      for (const step of [60, 3600, 86_400]) assert.equal(sumOf(history, range, step), sent);
      await history[Symbol.asyncDispose]();
    }),
    { numRuns: 8 },
  );
});

test('a clock that is set back adds to the seconds that are there, and their time says so', async () => {
  await using history = HealthHistory.open(newFolder());
  for (const at of [start, start + 1, start, start + 1, start + 2])
    history.add(south, at, { observedMs: 1000, sentBytes: 7 });
  const { stepSeconds, points } = history.query(south, { from: start, to: start + 10, now: start + 10 });
  assert.equal(stepSeconds, 1);
  assert.deepEqual(
    points.map(({ from, counts }) => [from - start, counts.observedMs, counts.sentBytes]),
    [
      [0, 2000, 14],
      [1, 2000, 14],
      [2, 1000, 7],
    ],
  );
});

test('of maxima the largest stays, in every step', async () => {
  await using history = HealthHistory.open(newFolder());
  for (const roundTripUsMax of [5, 90, 20]) history.add(south, start, { roundTripUsMax });
  const { points } = history.query(south, { from: start - 3600, to: start + 3600, now: start }, 3600);
  assert.deepEqual(
    points.map(({ counts }) => counts.roundTripUsMax),
    [90],
  );
});

test('two hours of seconds leave those of the last one, and all of the minutes', async () => {
  await using history = HealthHistory.open(newFolder());
  const now = start + 7200;
  for (let at = start; at < now; at++) {
    history.add(south, at, { sentBytes: 1 });
    if (at % 600 === 0) history.flush();
  }
  const seconds = history.query(south, { from: now - 1800, to: now, now });
  assert.deepEqual([seconds.stepSeconds, seconds.points.length], [1, 1800]);
  const minutes = history.query(south, { from: start, to: now, now }, 1);
  assert.deepEqual([minutes.stepSeconds, minutes.points.length], [60, 120]);
  assert.equal(sumOf(history, { from: start, to: now, now }, 1), 7200);
});

test('what a clock far ahead has left does not push out what is now', async () => {
  await using history = HealthHistory.open(newFolder());
  const hour = 3600;
  for (let i = 0; i < 70; i++) {
    history.add(south, start + 1e9 + i * 60, { sentBytes: 1 });
    history.flush();
  }
  for (let i = 0; i < 61; i++) {
    history.add(south, start + i * 60, { sentBytes: 1 });
    history.flush();
  }
  const now = start + hour;
  assert.equal(history.query(south, { from: start, to: now + 60, now }, 1).points.length, 61);
});

test('events come newest first, and are kept across a restart', async () => {
  const folder = newFolder();
  {
    await using history = HealthHistory.open(folder);
    for (let i = 0; i < 1100; i++) history.note(south, { at: start + i, what: 'cut', detail: `${i}` });
  }
  await using history = HealthHistory.open(folder);
  const events = history.events(south, 2000);
  assert.equal(events.length, 1000);
  assert.equal(events[0]?.detail, '1099');
  assert.deepEqual(history.events(new Uint8Array(16).fill(3), 10), []);
});

test('no encoded step is larger than the bound reckons with', () => {
  assert.ok(stepBytesMax >= 1 + Math.ceil(fields.length / 8) + 8 * fields.length);
});

test('a flipped byte of the file, or a second kill in a row, costs the history and no start', async () => {
  const folder = newFolder();
  const fill = async () => {
    const history = HealthHistory.open(folder);
    history.add(south, start, { sentBytes: 7 });
    await history[Symbol.asyncDispose]();
  };
  const range = { from: start, to: start + 60, now: start + 60 };
  await fill();
  const file = join(folder, 'history.lmdb');
  const bytes = readFileSync(file);
  bytes[4096 + 20] = (bytes[4096 + 20] ?? 0) ^ 1;
  writeFileSync(file, bytes);
  const anew = HealthHistory.open(folder);
  assert.equal(sumOf(anew, range, 1), 0);
  await anew[Symbol.asyncDispose]();
  await fill();
  // What a killed process leaves: a note that it has the file open, in this boot.
  const stamp = join(folder, 'stamp.json');
  const closed = JSON.parse(readFileSync(stamp, 'utf8')) as object;
  writeFileSync(stamp, JSON.stringify({ ...closed, sha256: undefined }));
  const once = HealthHistory.open(folder);
  assert.equal(sumOf(once, range, 1), 7);
  await once[Symbol.asyncDispose]();
  writeFileSync(stamp, JSON.stringify({ ...closed, sha256: undefined, unclean: true }));
  const twice = HealthHistory.open(folder);
  assert.equal(sumOf(twice, range, 1), 0);
  await twice[Symbol.asyncDispose]();
});

test('a disk that is full is told, keeps nobody from asking, and takes no memory without end', async (t) => {
  const folder = newFolder();
  mkdirSync(folder);
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', folder]).status !== 0)
    return t.skip('needs root and mount to make a small tmpfs');
  try {
    const inside = join(folder, 'health');
    const history = HealthHistory.open(inside);
    history.add(south, start, { sentBytes: 1 });
    history.flush();
    const ballast = join(folder, 'ballast');
    assert.throws(() => writeFileSync(ballast, Buffer.alloc(1 << 20)), { code: 'ENOSPC' });
    const minutes = 2000;
    for (let i = 1; i <= minutes; i++) history.add(south, start + 60 * i, { sentBytes: 1 });
    assert.throws(() => history.flush(), { code: 'health_write_failed' });
    assert.equal(sumOf(history, { from: start, to: start + 60, now: start + 60 }, 1), 1);
    rmSync(ballast);
    history.flush();
    const range = { from: start, to: start + 60 * (minutes + 1), now: start + 60 * (minutes + 1) };
    const kept = sumOf(history, range, 60);
    assert.ok(kept > 1 && kept < minutes / 2, `${kept} of ${minutes} minutes`);
    await history[Symbol.asyncDispose]();
  } finally {
    spawnSync('umount', ['-l', folder]);
  }
});
