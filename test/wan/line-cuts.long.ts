import { test } from 'node:test';
import { lineMissing } from '../kit/wan-line.ts';
import { survivesLineCuts } from './line-cuts.ts';

// SITEPAIR_CUTS_SEED=N: that run again.
const seed = Number(process.env.SITEPAIR_CUTS_SEED ?? Math.floor(Math.random() * 2 ** 32));

test('2 GB through 50 cuts of 0.1 to 20 s, and two killed appliances', { skip: lineMissing() ?? false }, (t) =>
  survivesLineCuts(t, { bytes: 2e9, cuts: 50, cutMsMax: 20_000, megabits: 100, seed }),
);
