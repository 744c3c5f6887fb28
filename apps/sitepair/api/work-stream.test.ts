import assert from 'node:assert/strict';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import type { Run } from '../appliance/operations.ts';
import { SimulatedTime } from '../testing/simulated-time.ts';
import { workStream } from './work-stream.ts';

function options(time: SimulatedTime) {
  return { clock: time, timers: time, signal: new AbortController().signal, onError: () => undefined };
}

test('a thousand progresses a second become five lines, each with the newest, the last one never lost', async () => {
  const time = new SimulatedTime();
  const done = Promise.withResolvers<string>();
  let run: Run | undefined;
  const stream = workStream((given) => {
    run = given;
    return done.promise;
  }, options(time));
  for (let ms = 0; ms < 2000; ms++) {
    run?.progress({ doing: 'reading', doneBytes: ms });
    time.pass(1);
  }
  done.resolve('all of it');
  const lines = (await text(stream))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    lines.map((line) => line.progress?.doneBytes ?? line.result),
    [0, 199, 399, 599, 799, 999, 1199, 1399, 1599, 1799, 1999, 'all of it'],
  );
  assert.equal(time.waiting, 0);
});

test('progress after the end, and work that throws at once, do no harm', async () => {
  const time = new SimulatedTime();
  const stream = workStream(() => {
    throw new RangeError('too soon');
  }, options(time));
  const [line] = (await text(stream)).split('\n');
  assert.equal(JSON.parse(line ?? '').error.why, 'too soon');

  let late: Run | undefined;
  const ended = workStream(async (run) => {
    late = run;
    return 1;
  }, options(time));
  assert.equal(await text(ended), '{"result":1}\n');
  late?.progress({ doing: 'reading', doneBytes: 1 });
  assert.equal(time.waiting, 0);
});
