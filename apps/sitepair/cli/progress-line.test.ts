import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RecordedTerminal } from '../testing/recorded-terminal.ts';
import { SimulatedTime } from '../testing/simulated-time.ts';
import { ProgressLine } from './progress-line.ts';

function started(
  terminal: RecordedTerminal,
  more: { readonly silent?: boolean; readonly rate?: 'link' | 'data' } = {},
) {
  const time = new SimulatedTime();
  const { silent = false, rate = 'data' } = more;
  return { time, line: new ProgressLine({ terminal, clock: time, timers: time, items: 'files', rate, silent }) };
}

test('on a terminal one line is redrawn: what, how much, how fast, how long still, how many', () => {
  const terminal = new RecordedTerminal(true);
  const { time, line } = started(terminal);
  const total = { doing: 'backing up mail', totalBytes: 4_000_000_000 };
  for (let second = 0; second <= 20; second++) {
    line.show({ ...total, doneBytes: second * 100_000_000, doneItems: second * 1000 });
    time.pass(1000);
  }
  assert.equal(terminal.line, 'backing up mail: 2.00 GB of 4.00 GB (50 %), 100 MB/s, 20 s left, 20,000 files');
  assert.ok(!terminal.written.includes('\n'));
  line[Symbol.dispose]();
  assert.equal(terminal.line, '');
  assert.equal(time.waiting, 0);
});

test('the rate is that of the last ten seconds', () => {
  const terminal = new RecordedTerminal(true);
  const { time, line } = started(terminal, { rate: 'link' });
  line.show({ doing: 'sending', doneBytes: 0 });
  time.pass(60_000);
  for (let second = 1; second <= 10; second++) {
    line.show({ doing: 'sending', doneBytes: second * 1_250_000 });
    time.pass(1000);
  }
  assert.match(terminal.line, /^sending: 12\.5 MB, (9\.\d\d|10\.0) Mbit\/s$/);
  time.pass(11_000);
  assert.equal(terminal.line, 'sending: 12.5 MB, 0.00 Mbit/s');
});

test('a new thing being done begins with no rate', () => {
  const terminal = new RecordedTerminal(true);
  const { time, line } = started(terminal);
  line.show({ doing: 'sending a', doneBytes: 5_000_000 });
  time.pass(5000);
  line.show({ doing: 'sending b', doneBytes: 0, totalBytes: 0 });
  time.pass(200);
  assert.equal(terminal.line, 'sending b: 0 B of 0 B (100 %), 0 B/s');
});

test('without a terminal there is a line every ten seconds, and none before there is something to tell', () => {
  const terminal = new RecordedTerminal(false);
  const { time, line } = started(terminal);
  time.pass(30_000);
  assert.equal(terminal.written, '');
  line.show({ doing: 'reading', doneBytes: 1_000_000 });
  time.pass(25_000);
  assert.equal(terminal.written.split('\n').filter((text) => text.startsWith('reading')).length, 2);
  assert.ok(!terminal.written.includes('\x1b'));
});

test('a narrow terminal gets a shorter line, a note stays above it, a silent one nothing', () => {
  const terminal = new RecordedTerminal(true, 20);
  const { time, line } = started(terminal);
  line.show({ doing: 'reading', doneBytes: 1_000_000, doneItems: 7 });
  time.pass(200);
  assert.equal(terminal.line.length, 19);
  line.note('south is slow');
  assert.ok(terminal.written.endsWith('\r\x1b[Ksouth is slow\n'));

  const quiet = new RecordedTerminal(true);
  const silent = started(quiet, { silent: true });
  silent.line.show({ doing: 'reading', doneBytes: 1 });
  silent.time.pass(60_000);
  assert.equal(quiet.written, '');
});
