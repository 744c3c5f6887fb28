import { test } from 'node:test';
import { survivesMishaps } from './mishaps.ts';

test('a store that is killed at any call that changes a file needs no help', (t) =>
  survivesMishaps(t, { scenario: 'store', what: 'kill', count: 2, seed: 5 }));
