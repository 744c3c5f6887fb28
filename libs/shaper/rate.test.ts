import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAppError } from '#runtime';
import { formatRate, parseRate } from './rate.ts';

test('rates are read as people write them', () => {
  const rates: Record<string, number> = {
    '20 Mbit/s': 2_500_000,
    '20mbit': 2_500_000,
    '20Mbps': 2_500_000,
    '2.5 MB/s': 2_500_000,
    '2.5MB/s': 2_500_000,
    '1 Gbit/s': 125_000_000,
    '512 kbit/s': 64_000,
    '1 MiB/s': 1_048_576,
    '.5 Gbit': 62_500_000,
    none: Number.POSITIVE_INFINITY,
    Unlimited: Number.POSITIVE_INFINITY,
  };
  for (const [text, bytes] of Object.entries(rates)) assert.equal(parseRate(text), bytes, text);
});

test('what could mean two things, nothing, or next to nothing, is refused with what to write', () => {
  for (const text of ['20', '20 mb/s', 'fast', '-3 Mbit/s', '20 Mbit/h', '', '1e3 Mbit', '1 kbit/s', '0 Mbit/s']) {
    assert.throws(
      () => parseRate(text),
      (error) => isAppError(error, 'bad_rate') && error.advice.length > 20,
      text,
    );
  }
});

test('a rate that was written is read again', () => {
  for (const text of ['20 Mbit/s', '512 kbit/s', '2.5 Gbit/s', '1.5 Mbit/s', 'none']) {
    assert.equal(formatRate(parseRate(text)), text);
  }
});
