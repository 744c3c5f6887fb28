import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rot, tellCounts, tellWrong } from './rot.ts';

// One case again: SITEPAIR_ROT='pack of leaves: record, checksum, flipped'.
const { SITEPAIR_ROT: chosen } = process.env;
const sample: ReadonlySet<string> = new Set([
  'pack of leaves: record, sealed bytes, flipped',
  'pack of nodes: record, references, zeroed',
  'pack of leaves: trailer, hash, truncated',
  'pack of leaves: whole file, swapped',
  'log: earlier frame, signature, flipped',
  'index: page, content, zeroed',
  'keyring: middle, flipped',
  'peers: whole file, truncated',
  'sealed keyring: middle, flipped',
]);

test('rot in every kind of file is told by name, healed from the peer, or refused; no wrong byte comes back', async () => {
  const results = await rot((name) => (chosen === undefined ? sample.has(name) : name.startsWith(chosen)));
  console.log(tellCounts(results));
  assert.ok(results.length > 0, 'no such case');
  assert.equal(tellWrong(results), '');
});
