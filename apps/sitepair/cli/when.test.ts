import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UsageError } from './command.ts';
import { formatDays, parseDays, parseUntil } from './when.ts';

test('days are read as people write them, and written so again', () => {
  const days: Record<string, number[]> = {
    'mon-fri': [1, 2, 3, 4, 5],
    'sat,sun': [6, 7],
    daily: [1, 2, 3, 4, 5, 6, 7],
    wed: [3],
    'Monday-Wednesday,fri': [1, 2, 3, 5],
    'sat-mon': [1, 6, 7],
  };
  for (const [text, numbers] of Object.entries(days)) {
    assert.deepEqual(parseDays(text, 'x'), numbers, text);
    assert.deepEqual(parseDays(formatDays(numbers), 'x'), numbers, text);
  }
  assert.throws(() => parseDays('someday', 'x'), UsageError);
});

test('a time is the next one of its kind, a date and time, or a while from now', () => {
  const now = new Date(2026, 0, 30, 22, 0).getTime();
  const at = (text: string) => new Date(parseUntil(text, now, 'x') * 1000);
  assert.equal(at('07:00').getTime(), new Date(2026, 0, 31, 7, 0).getTime());
  assert.equal(at('23:30').getTime(), new Date(2026, 0, 30, 23, 30).getTime());
  assert.equal(at('2026-02-01 08:15').getTime(), new Date(2026, 1, 1, 8, 15).getTime());
  assert.equal(at('90min').getTime(), now + 5_400_000);
  for (const wrong of ['soon', '25:00', '2025-01-01 00:00', '0h']) {
    assert.throws(() => parseUntil(wrong, now, 'x'), UsageError, wrong);
  }
});
