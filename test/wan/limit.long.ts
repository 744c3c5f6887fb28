import { test } from 'node:test';
import { lineMissing } from '../kit/wan-line.ts';
import { followsChanges, holdsLimit } from './limits.ts';

const skip = lineMissing() ?? false;
const bounds = { lowest: 0.98, highest: 1.02 };

for (const megabits of [2, 20, 100, 500])
  test(`a limit of ${megabits} Mbit/s is held in each second and each tenth, and filled`, { skip }, (t) =>
    holdsLimit(t, megabits, 10, bounds),
  );

test('a limit that is changed from the command line holds within 200 ms, up and down, and is filled', { skip }, (t) =>
  followsChanges(t, [10, 80, 5, 40, 100, 20], bounds),
);
