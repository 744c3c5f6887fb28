import { test } from 'node:test';
import { lineMissing } from '../kit/wan-line.ts';
import { survivesLineCuts } from './line-cuts.ts';

test(
  'a line that is cut four times, and two killed appliances, cost a window each and no help',
  { skip: lineMissing() ?? false },
  (t) =>
    survivesLineCuts(t, {
      bytes: 200e6,
      cuts: 4,
      cutMsMax: 4000,
      megabits: 100,
      seed: Math.floor(Math.random() * 2 ** 32),
    }),
);
