import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pairSites, TestSite, testFolder, untilLinked } from '../kit/test-site.ts';

interface Scrubbed {
  readonly findings: readonly {
    readonly affects: readonly { readonly snapshot: string; readonly path: string }[];
    readonly healed: boolean;
  }[];
}

test('a flipped bit in a pack: scrub names dataset and file, --heal mends it from the peer, then all is good', async () => {
  using root = testFolder('flip');
  await using north = await TestSite.init(root.path, 'north');
  await using south = await TestSite.init(root.path, 'south');
  const address = await north.serve();
  await south.serve();
  const tree = join(root.path, 'tree');
  mkdirSync(tree);
  writeFileSync(join(tree, 'ledger.txt'), 'what we own and owe\n'.repeat(2000));
  await north.ok('backup', tree, '--dataset', 'books');
  await pairSites(north, south, address);
  await north.ok('replicate');
  await north.stop();
  const packs = join(north.state, 'packs', '000000');
  for (const name of readdirSync(packs)) {
    const bytes = readFileSync(join(packs, name));
    // Behind header and record header: sealed bytes of the first record.
    bytes[64 + 64 + 20 + 10] = (bytes[64 + 64 + 20 + 10] ?? 0) ^ 0x40;
    writeFileSync(join(packs, name), bytes);
  }
  await north.serve();
  const found = await north.run('scrub', '--json');
  assert.equal(found.code, 1);
  const { findings } = JSON.parse(found.stdout) as Scrubbed;
  assert.ok(findings.length >= 2);
  const named = findings.flatMap((finding) => finding.affects);
  assert.ok(
    named.some(({ snapshot, path }) => snapshot.startsWith('north/books@') && (path === '/ledger.txt' || path === '/')),
    found.stdout,
  );
  await untilLinked(north);
  const healed = await north.run('scrub', '--heal', '--json');
  assert.equal(healed.code, 3, healed.stdout);
  assert.match((await north.ok('scrub')).stdout, /all of it is good/);
  assert.match((await north.ok('store', 'check')).stdout, /everything fits/);
  await north.ok('restore', 'books@latest', '--to', join(root.path, 'restored'));
  assert.deepEqual(readFileSync(join(root.path, 'restored', 'ledger.txt')), readFileSync(join(tree, 'ledger.txt')));
});
