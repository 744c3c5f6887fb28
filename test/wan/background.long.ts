import { test } from 'node:test';
import { versionOf } from '../bench/measure/installed.ts';
import { lineMissing } from '../kit/wan-line.ts';
import { yieldsToOthers } from './background.ts';

const skip = lineMissing() ?? (versionOf('iperf3', '--version') === undefined ? 'needs iperf3' : false);

for (const roundTripMs of [50, 1])
  for (const queueKb of [2048, 256])
    for (const control of ['bbr', 'cubic'] as const)
      test(`background mode beside ${control} with a queue of ${queueKb} kB at ${roundTripMs} ms`, { skip }, (t) =>
        yieldsToOthers(t, { control, queueKb, roundTripMs, seconds: 20, afterSeconds: 30 }),
      );
