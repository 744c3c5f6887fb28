import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemTimers } from '#runtime';
import { killDuring, seededFractions } from './kill-trial.ts';
import { pairSites, TestSite, testFolder } from './test-site.ts';

interface SnapshotLine {
  readonly name: string;
  readonly copies: readonly string[];
}

function writeTree(tree: string, fraction: () => number): void {
  mkdirSync(tree, { recursive: true });
  for (let i = 0; i < 12; i++) {
    const bytes = Buffer.alloc(1_000_000);
    for (let at = 0; at < bytes.length; at += 4) bytes.writeUInt32LE(Math.floor(fraction() * 2 ** 32), at);
    writeFileSync(join(tree, `file-${i}`), bytes);
  }
}

/** A command that found no appliance has started a private one, which holds the state for a moment after its command has gone. */
async function serveWhenFree(site: TestSite, port: number): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await site.serve(port);
      return;
    } catch (error) {
      if (tries === 50 || !String(error).includes('another process uses')) throw error;
      await systemTimers.sleep(200);
    }
  }
}

/**
 * SIGKILL of the sender and of the receiver at `count` moments each of backups and replications. After each restart, what
 * a command had reported is there, the store fits together, and the newest acknowledged snapshot restores.
 */
export async function killAtRandomMoments(count: number, seed: number): Promise<void> {
  const fraction = seededFractions(seed);
  using root = testFolder('kills');
  await using north = await TestSite.init(root.path, 'north');
  await using south = await TestSite.init(root.path, 'south');
  const address = await north.serve();
  const southPort = Number((await south.serve()).split(':').at(-1));
  const port = Number(address.split(':').at(-1));
  await pairSites(north, south, address);
  const tree = join(root.path, 'tree');
  let acknowledged = new Set<string>();
  for (let round = 0; round < count; round++) {
    writeTree(tree, fraction);
    const duringBackup = round % 2 === 0;
    const victim = duringBackup || round % 4 === 1 ? north : south;
    if (!duringBackup) await north.ok('backup', tree, '--dataset', 'tree');
    const args = duringBackup ? ['backup', tree, '--dataset', 'tree'] : ['replicate'];
    await killDuring(north, victim, args, 300 + fraction() * 1200);
    await serveWhenFree(victim, victim === north ? port : southPort);
    const listed = await north.json<SnapshotLine[]>('snapshots');
    const names = new Set(listed.map((line) => line.name));
    for (const name of acknowledged)
      assert.ok(names.has(name), `seed ${seed}, round ${round}: ${name} was acknowledged and is gone`);
    acknowledged = names;
    const check = await victim.run('store', 'check');
    const told = `${check.stdout}${check.stderr}${victim.log()}`;
    assert.equal(
      check.code,
      0,
      `seed ${seed}, round ${round}: the store of ${victim.name} does not fit together\n${told}`,
    );
  }
  writeTree(tree, fraction);
  await north.ok('backup', tree, '--dataset', 'tree');
  await north.ok('replicate');
  for (const site of [north, south]) {
    assert.equal((await site.run('store', 'check')).code, 0);
    const target = join(root.path, `restored-${site.name}`);
    await site.ok('restore', 'north/tree@latest', '--to', target);
    for (let i = 0; i < 12; i++)
      assert.ok(readFileSync(join(target, `file-${i}`)).equals(readFileSync(join(tree, `file-${i}`))));
    rmSync(target, { recursive: true });
  }
}
