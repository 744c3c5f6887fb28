import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { compareTrees } from '#snapshot';
import { isRoot, makeCorpus } from '../kit/corpus.ts';
import { programArguments, runSitepair, TestSite, testFolder } from '../kit/test-site.ts';

interface Backup {
  readonly sentBytes: number;
  readonly totals: { readonly files: number; readonly contentBytes: number };
  readonly statistics: { readonly filesReused: number; readonly newBytes: number };
}

const hasTar = spawnSync('tar', ['--version']).stdout?.includes('GNU tar') === true;

test('a second backup without a change sends nearly nothing; a tree piped to tar is the tree', async (t) => {
  using root = testFolder('pipes');
  const corpus = join(root.path, 'corpus');
  makeCorpus(corpus, { root: isRoot(), longPaths: false });
  await using north = await TestSite.init(root.path, 'north');
  await north.serve();
  const backup = async () => {
    const { stdout } = await north.run('backup', corpus, '--dataset', 'corpus', '--json');
    return JSON.parse(stdout) as Backup;
  };
  const first = await backup();
  const second = await backup();
  assert.equal(second.statistics.newBytes, 0);
  assert.ok(first.sentBytes > 5_000_000 && second.sentBytes < 5_000, `${first.sentBytes}, then ${second.sentBytes}`);
  assert.deepEqual(second.totals, first.totals);

  if (!hasTar) return t.skip('needs GNU tar');
  const out = join(root.path, 'out');
  mkdirSync(out);
  const command = programArguments('restore', 'corpus@latest', '--tar', '-', '--state', north.state);
  const line = 'out=$1; shift; "$@" | tar -xp --numeric-owner --xattrs --xattrs-include="*" -C "$out"';
  const piped = spawnSync('bash', ['-o', 'pipefail', '-c', line, 'bash', out, ...command], { encoding: 'utf8' });
  assert.equal(piped.status, 0, piped.stderr);
  assert.deepEqual((await compareTrees(Buffer.from(corpus), Buffer.from(out))).differences, []);
});

test('a dump that comes on standard input is restored byte for byte', async () => {
  using root = testFolder('dump');
  await using north = await TestSite.init(root.path, 'north');
  const dump = Buffer.from(Array.from({ length: 200_000 }, (_, i) => `insert into ledger values (${i});\n`).join(''));
  await north.serve();
  const args = ['backup', '--stdin', 'ledger.sql', '--dataset', 'ledger', '--state', north.state];
  const { code, stderr } = await runSitepair(args, dump);
  assert.equal(code, 0, stderr);
  await north.ok('restore', 'ledger@latest', '--to', join(root.path, 'out'));
  assert.ok(readFileSync(join(root.path, 'out', 'ledger.sql')).equals(dump));
});
