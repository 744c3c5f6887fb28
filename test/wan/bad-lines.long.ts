import { test } from 'node:test';
import { lineMissing } from '../kit/wan-line.ts';
import { changesAddress, crosses, noticesSilence } from './bad-lines.ts';

const skip = lineMissing() ?? false;

test('a line with a round trip of two seconds carries pairing and replication', { skip }, () =>
  crosses({ megabits: 50, delayMs: 1000, queueKb: 16_384 }, 5e6),
);

test('an address that changes in the middle is dialled from anew', { skip }, changesAddress);

test(
  'a line that takes everything and delivers nothing is noticed within 20 s, and used again afterwards',
  noticesSilence,
);
