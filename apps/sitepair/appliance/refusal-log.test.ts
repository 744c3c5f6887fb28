import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Logger } from 'pino';
import { AppError } from '#runtime';
import { SimulatedTime } from '../testing/simulated-time.ts';
import { RefusalLog } from './refusal-log.ts';

const breach = new AppError('a record that was not asked for', { code: 'protocol_violation', advice: 'Look.' });

function refusalLog() {
  const lines: Record<string, unknown>[] = [];
  const logger: Pick<Logger, 'warn'> = { warn: (line: object, msg?: string) => void lines.push({ ...line, msg }) };
  const clock = new SimulatedTime();
  return { lines, clock, log: new RefusalLog({ logger: logger as Logger, clock }) };
}

test('an offence is told with the name of who did it, and again only after a minute, with a count of what came between', () => {
  const { lines, clock, log } = refusalLog();
  for (let i = 0; i < 1000; i++) log.note(breach, 'south', 'replicate');
  log.note(breach, 'west', 'replicate');
  assert.deepEqual(
    lines.map(({ peer, code, msg }) => [peer, code, msg]),
    [
      ['south', 'protocol_violation', 'refused south (replicate): a record that was not asked for'],
      ['west', 'protocol_violation', 'refused west (replicate): a record that was not asked for'],
    ],
  );
  clock.pass(60_000);
  log.note(breach, 'south', 'replicate');
  assert.equal(lines.at(-1)?.timesBefore, 999);
});

test('what passes by itself, and what the other end said first, is no offence', () => {
  const { lines, log } = refusalLog();
  log.note(new AppError('cut', { code: 'connection_lost', retryable: true, advice: '' }), 'south', 'fetch');
  const theirs = { code: 'record_damaged', advice: '', details: { saidBy: 'the other site' } };
  log.note(new AppError('no', theirs), 'south', 'fetch');
  assert.deepEqual(lines, []);
});
