import { test } from 'node:test';
import { survivesCuts } from './power-cuts.ts';

test('each promise of the Volumes port holds after a power cut at any moment', (t) =>
  survivesCuts(t, { scenario: 'volumes', count: 40, seed: 1, telling: true }));

test('every acknowledged record is there after a power cut, and nothing that was not is called damage', (t) =>
  survivesCuts(t, { scenario: 'store', count: 15, seed: 2 }));
