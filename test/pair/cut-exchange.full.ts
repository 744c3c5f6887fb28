import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { CutLine } from '../kit/cut-line.ts';
import {
  pairSites,
  pairThroughLine,
  TestSite,
  testFolder,
  until,
  untilCatalogsAgree,
  untilHeldBy,
} from '../kit/test-site.ts';

// A control connection is up after some 1,500 bytes of upgrade and handshake; from there on catalogs are exchanged.
const cutsAfterBytes = [2500, 6000];

test('three catalogs agree after both ends of a cut line made backups at once, and it broke again amid their exchange', async () => {
  using root = testFolder('cut');
  const tree = join(root.path, 'tree');
  mkdirSync(tree);
  for (let i = 0; i < 8; i++) writeFileSync(join(tree, `file-${i}`), `file ${i} `.repeat(2000));
  await using north = await TestSite.init(root.path, 'north');
  await using south = await TestSite.init(root.path, 'south');
  await using east = await TestSite.init(root.path, 'east');
  const southAddress = await south.serve();
  await using line = await CutLine.open(southAddress);
  await Promise.all([north.serveUnreachable(), east.serveUnreachable()]);
  await pairThroughLine(south, north, line.address);
  await pairSites(south, east, southAddress);
  await untilCatalogsAgree([north, south, east]);

  // A site that has failed to dial waits longer each time; a command that names the address makes it dial at once.
  const dialNow = () => north.ok('pair', 'set-address', 'south', line.address);
  line.cutAfter(0);
  for (const dataset of ['mail', 'web'])
    await Promise.all([north, south, east].map((site) => site.ok('backup', tree, '--dataset', dataset)));
  for (const [i, bytes] of cutsAfterBytes.entries()) {
    line.cutAfter(bytes);
    await dialNow();
    await until(async () => line.cuts === i + 1, `the line to break after ${bytes} bytes`);
  }
  line.mend();
  await dialNow();
  await untilCatalogsAgree([north, south, east]);
  for (const site of [north, south, east]) {
    await untilHeldBy(site, 3);
    assert.equal((await site.api.call('snapshots', {})).length, 6);
  }
  await untilCatalogsAgree([north, south, east]);
});
