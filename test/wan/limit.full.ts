import { test } from 'node:test';
import { lineMissing } from '../kit/wan-line.ts';
import { followsChanges, holdsLimit } from './limits.ts';

const skip = lineMissing() ?? false;
// Beside other work neither the sender's clock nor the one that counts is exact: limit.long.ts asks for 0.98 and 1.02.
const bounds = { lowest: 0.6, highest: 1.06 };

for (const megabits of [2, 50])
  test(`a limit of ${megabits} Mbit/s is held in each second and each tenth`, { skip }, (t) =>
    holdsLimit(t, megabits, 4, bounds),
  );

test('a limit that is changed from the command line holds within 200 ms, up and down', { skip }, (t) =>
  followsChanges(t, [10, 60, 5], bounds),
);
