import { test } from 'node:test';
import { lineMissing } from '../kit/wan-line.ts';
import { crosses, crossesMtuHole, survivesFlips } from './bad-lines.ts';

const skip = lineMissing() ?? false;

test('a line that loses one packet in twenty is slow and no more', { skip }, () =>
  crosses({ megabits: 100, delayMs: 10, lossPercent: 5 }, 4e6),
);

test('an MTU hole is found by the kernel, which is set so by sysctl.d', { skip }, crossesMtuHole);

test('a line that flips a bit now and then costs connections, and no wrong byte', survivesFlips);
