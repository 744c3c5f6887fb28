import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { buildKernel } from './build-kernel.ts';
import { kernelUrl } from './kernel.ts';

test('the committed kernel is what its source compiles to', async () => {
  const built = await buildKernel();
  const advice = 'run: node libs/chunker/build-kernel.ts';
  assert.ok(Buffer.from(built).equals(readFileSync(kernelUrl)), advice);
});
