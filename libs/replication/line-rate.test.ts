import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CodingPace, type PackTask } from './coding-pace.ts';
import { LineRate } from './line-rate.ts';

/** A line that is never idle: a message leaves before the one before is acknowledged. */
function busy(line: LineRate, { bytes, times, stepMs, fromMs = 0 }: Record<string, number> & { fromMs?: number }) {
  let nowMs = fromMs;
  line.left(bytes ?? 0, nowMs);
  for (let i = 0; i < (times ?? 0); i++) {
    line.left(bytes ?? 0, nowMs);
    nowMs += stepMs ?? 0;
    line.acknowledged(bytes ?? 0, nowMs);
  }
  line.acknowledged(bytes ?? 0, nowMs + (stepMs ?? 0));
  return nowMs + (stepMs ?? 0);
}

test('a line that is kept busy is measured by what was acknowledged', () => {
  const line = new LineRate(undefined);
  assert.equal(line.measured, undefined);
  busy(line, { bytes: 100_000, times: 40, stepMs: 100 });
  assert.ok(Math.abs((line.measured ?? 0) - 1e6) < 50_000, `${line.measured}`);
});

test('what nobody has measured is assumed, and what was measured before is believed', () => {
  assert.ok(new LineRate(undefined).bytesPerSecond > 0);
  const known = new LineRate(123_456);
  assert.deepEqual([known.measured, known.bytesPerSecond], [123_456, 123_456]);
});

test('time in which nothing was under way does not lower the rate', () => {
  const line = new LineRate(undefined);
  const endMs = busy(line, { bytes: 100_000, times: 40, stepMs: 100 });
  const before = line.measured ?? 0;
  busy(line, { bytes: 100_000, times: 40, stepMs: 100, fromMs: endMs + 3_600_000 });
  assert.ok(Math.abs((line.measured ?? 0) - before) < before / 20, `${before} became ${line.measured}`);
});

test('a line that waits for the processor counts as faster, up to a limit, until it is measured again', () => {
  const line = new LineRate(1e6);
  let [nowMs, last] = [0, 0];
  for (let i = 0; i < 20; i++) {
    line.left(1000, nowMs);
    line.acknowledged(1000, nowMs + 10);
    assert.ok(line.bytesPerSecond >= last);
    last = line.bytesPerSecond;
    nowMs += 5000;
  }
  assert.equal(line.measured, 1e6);
  assert.equal(line.bytesPerSecond, 8e6);
  busy(line, { bytes: 100_000, times: 40, stepMs: 100, fromMs: nowMs });
  assert.ok(line.bytesPerSecond < 1.1e6, `${line.bytesPerSecond}`);
});

test('one answer within the time of a round trip measures nothing', () => {
  const line = new LineRate(undefined);
  line.left(1000, 0);
  line.acknowledged(1000, 50);
  assert.equal(line.measured, undefined);
});

const film: PackTask = { storedBytes: 1_000_000, rawBytes: 1_000_000, hasDictionary: true };

test('after three deltas in vain the next sixteen are not tried, and then one is again', () => {
  const pace = new CodingPace(100_000, () => undefined);
  for (let i = 0; i < 3; i++) {
    assert.ok(pace.choose(film) !== undefined, `the ${i + 1}. was not tried`);
    pace.packed(film, 999_000, 100, 100);
  }
  for (let i = 0; i < 16; i++) assert.equal(pace.choose(film), undefined);
  assert.ok(pace.choose(film) !== undefined);
});

test('a limit that is in force counts, though the line could carry more', () => {
  let limit: number | undefined = 50_000;
  const pace = new CodingPace(1e9, () => limit);
  assert.equal(pace.isLineFaster, false);
  assert.equal(pace.choose({ ...film, hasDictionary: false, rawBytes: 3_000_000 })?.level, 19);
  limit = undefined;
  assert.equal(pace.isLineFaster, true);
});

test('a processor that turns out slow gets less to do', () => {
  const pace = new CodingPace(1e6, () => undefined);
  const task: PackTask = { storedBytes: 300_000, rawBytes: 1_000_000, hasDictionary: false };
  const before = pace.choose(task)?.level ?? 0;
  for (let i = 0; i < 20; i++) pace.packed(task, 200_000, 100, 1000);
  assert.ok((pace.choose(task)?.level ?? 0) < before);
});
