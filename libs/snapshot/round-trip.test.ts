import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { systemClock } from '#runtime';
import { isRoot, makeCorpus } from '../../test/kit/corpus.ts';
import { MemorySnapshotStore } from '../../test/kit/memory-snapshot-store.ts';
import { compareTrees, restoreSnapshot, type SnapshotOptions, takeSnapshot } from './index.ts';

const folder = mkdtempSync(join(tmpdir(), 'snapshot-'));
after(() => execFileSync('rm', ['-rf', folder])); // Node cannot remove paths past 4096 bytes.

const bytes = (text: string) => Buffer.from(text);
const labels = {
  siteId: Buffer.alloc(16, 1),
  datasetId: Buffer.alloc(16, 2),
  datasetName: 'home',
  host: 'test',
  softwareVersion: '0',
};
function options(store: MemorySnapshotStore, path: string): SnapshotOptions {
  return { paths: [bytes(path)], sink: store, chunkerKey: Buffer.alloc(32, 7), labels, clock: systemClock };
}

test('what comes back is what was there: bytes, kinds, names, owners, modes, times, attributes, links', async () => {
  const original = join(folder, 'original');
  makeCorpus(original, { root: isRoot() });
  const store = new MemorySnapshotStore();
  const { manifest, manifestHash, problems } = await takeSnapshot(options(store, original));
  assert.deepEqual(problems, []);
  const target = join(folder, 'restored');
  const report = await restoreSnapshot({
    source: store,
    manifest,
    manifestHash,
    target: bytes(target),
    existing: 'refuse-if-not-empty',
    clock: systemClock,
  });
  console.log(report, manifest.totals);
  assert.deepEqual(report.problems, []);
  const { differences, entries } = await compareTrees(bytes(original), bytes(target));
  console.log(entries);
  assert.deepEqual(differences, []);
});
