import { test } from 'node:test';
import { versionOf } from '../bench/measure/installed.ts';
import { lineMissing } from '../kit/wan-line.ts';
import { yieldsToOthers } from './background.ts';

const skip = lineMissing() ?? (versionOf('iperf3', '--version') === undefined ? 'needs iperf3' : false);

test("background mode leaves an office's transfer alone, and comes back after it", { skip }, (t) =>
  yieldsToOthers(t, { control: 'bbr', queueKb: 2048, roundTripMs: 50, seconds: 8, afterSeconds: 8 }),
);
