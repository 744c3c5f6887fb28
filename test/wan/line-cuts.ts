import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { systemTimers } from '#runtime';
import { compareTrees } from '#snapshot';
import { seededFractions } from '../kit/kill-trial.ts';
import { writeSeededFile } from '../kit/seeded-file.ts';
import type { TestSite } from '../kit/test-site.ts';
import { LinePair } from './line-pair.ts';

export interface LineCuts {
  readonly bytes: number;
  readonly cuts: number;
  readonly cutMsMax: number;
  readonly megabits: number;
  readonly seed: number;
}

const cutMsMin = 100;
// PROTOCOL.md section 4: a receiver grants 32 MiB, and one record always may be under way.
const windowBytes = 34 * 1024 * 1024;
// Of 1448 bytes of payload 52 are headers; frames and heartbeats are far below one in a hundred; the line loses one packet in
// a thousand, and each that it loses goes twice.
const overhead = 1.06;
const patienceMs = 180_000;

/** A line that is cut at random during a replication; then each appliance is killed in turn. Nobody helps. */
export async function survivesLineCuts(t: TestContext, { bytes, cuts, cutMsMax, megabits, seed }: LineCuts) {
  const fraction = seededFractions(seed);
  await using pair = await LinePair.up('wan-cuts', { megabits, delayMs: 25, lossPercent: 0.1 });
  const { line, north, south, folder } = pair;
  const tree = `${folder}/tree`;
  mkdirSync(tree);
  writeSeededFile(`${tree}/film`, bytes, seed);
  const [startMs, before] = [performance.now(), line.a.sentBytes()];
  await north.ok('backup', tree, '--dataset', 'film');
  const told = [`seed ${seed}`];
  // The cuts and kills share the time that the line takes for all of it.
  const pauseMs = (bytes * 8) / (megabits * 1000) / (cuts + 3);
  let cutMs = 0;
  for (let cut = 0; cut < cuts; cut += 1) {
    await systemTimers.sleep(pauseMs * (0.5 + fraction()));
    const ms = cutMsMin + (cutMsMax - cutMsMin) * fraction() ** 2;
    cutMs += ms;
    await line.cut(ms);
  }
  told.push(`${cuts} cuts, ${Math.round(cutMs / 1000)} s in all`);
  assert.ok(!(await isHeld(north, 2)), 'the cuts came too late to matter');
  for (const site of [north, south]) {
    await systemTimers.sleep(pauseMs * fraction());
    await site.kill();
    await site.serve(7400, (site === north ? line.a : line.b).address);
  }
  await untilHeld(north, told);
  const sent = line.a.sentBytes() - before;
  const sentMax = overhead * (packBytes(north) + (cuts + 2) * windowBytes);
  told.push(`${packBytes(north)} in packs, ${sent} on the line, ${Math.round(sentMax)} may`);
  told.push(`${Math.round((performance.now() - startMs) / 1000)} s`);
  t.diagnostic(told.join('; '));
  assert.ok(sent <= sentMax, told.join('\n'));
  await north.stop();
  rmSync(north.state, { recursive: true });
  await south.ok('restore', 'north/film@latest', '--to', `${folder}/restored`);
  const { differences } = await compareTrees(Buffer.from(tree), Buffer.from(`${folder}/restored`));
  assert.deepEqual(differences, []);
}

async function isHeld(site: TestSite, count: number): Promise<boolean> {
  const snapshots = await site.api.call('snapshots', {});
  return snapshots.length > 0 && snapshots.every(({ copies }) => copies.length === count);
}

async function untilHeld(site: TestSite, told: readonly string[]): Promise<void> {
  const deadlineMs = performance.now() + patienceMs;
  while (!(await isHeld(site, 2))) {
    if (performance.now() > deadlineMs)
      throw new Error(`not whole after ${patienceMs} ms\n${told.join('\n')}\n${site.log()}`);
    await systemTimers.sleep(200);
  }
}

function packBytes(site: TestSite): number {
  return readdirSync(join(site.state, 'packs'), { recursive: true, withFileTypes: true })
    .filter(({ name }) => /\.(pack|open)$/.test(name))
    .reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
}
