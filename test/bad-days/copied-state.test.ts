import assert from 'node:assert/strict';
import { cpSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { isAppError, systemTimers, toHex } from '#runtime';
import { onStage, pairInProcess, until, type WorldSite, writeTree } from '../hostile/hostile-world.ts';

/** The one error by which a site that may not write to its log refuses a backup: it says what to do. */
function mayNotWrite(error: unknown): boolean {
  return isAppError(error, 'catalog_incarnation_needed') && /sitepair/.test(error.advice);
}

/** How often the log of a site forks, as another site sees it. */
function forksSeenBy(observer: WorldSite, of: WorldSite): number {
  const { siteId } = of.appliance.identity;
  return observer.appliance.catalog
    .problems()
    .filter((problem) => problem.kind === 'forked' && toHex(problem.siteId) === toHex(siteId)).length;
}

const digest = ({ appliance }: WorldSite) => appliance.operations.catalogDigest().digest;

test('a state that was set back to an older copy notices it at its peer, says so, and never forks its log', () =>
  onStage(async ({ root, start, open }) => {
    const south = await start('south');
    const first = await start('north');
    const tree = writeTree(join(root, 'tree'), 'first');
    await pairInProcess(south, first);
    await first.backUp(tree, 'tree');
    await first[Symbol.asyncDispose]();
    cpSync(first.state, `${first.state}.copy`, { recursive: true });

    const second = await open(first.state, 'north');
    const lost = await second.backUp(writeTree(tree, 'second'), 'tree');
    await until(() => second.copiesOf(lost.id).length === 2, 'the second backup to be at both');
    await second[Symbol.asyncDispose]();
    rmSync(first.state, { recursive: true });
    renameSync(`${first.state}.copy`, first.state);

    const back = await open(first.state, 'north');
    await until(() => digest(back) === digest(south), 'the log to come back from the peer');
    await assert.rejects(back.backUp(tree, 'tree'), mayNotWrite);
    assert.ok(back.appliance.operations.status().attention.some((sentence) => /incarnation needed/.test(sentence)));
    // It listens at another port now, and waits with saying so until it has heard of its peer what its log is.
    assert.equal(forksSeenBy(south, back), 0);
    assert.ok(back.copiesOf(lost.id).includes('south'), 'what was acknowledged is known again');
    await back.restore(lost.name, join(root, 'restored'));
  }));

test('a state that was copied while it ran, started beside the original: one fork at most, told, and no more is written under its numbers', () =>
  onStage(async ({ root, start, open }) => {
    const south = await start('south');
    const north = await start('north');
    const tree = writeTree(join(root, 'tree'), 'first');
    await pairInProcess(south, north);
    await north.backUp(tree, 'tree');
    await until(() => digest(north) === digest(south), 'the catalogs to agree');
    cpSync(north.state, join(root, 'clone'), { recursive: true, filter: (path) => !path.endsWith('.sock') });
    const clone = await open(join(root, 'clone'), 'north');

    // Each goes on as if it were alone: whoever the peer hears second finds that its numbers are taken.
    const attempts: unknown[] = [];
    for (const [round, site] of [north, clone, north, clone].entries())
      attempts.push(
        await site.backUp(writeTree(tree, `round ${round}`), 'tree').then(
          () => 'made',
          (error) => error,
        ),
      );
    await until(() => forksSeenBy(south, north) > 0 || attempts.some(mayNotWrite), 'the clone to be noticed');
    assert.ok(forksSeenBy(south, north) <= 1);
    // The two take turns at the peer, since each dials again when the other has taken its place: it hears of both.
    const stopped = async (site: WorldSite) =>
      mayNotWrite(await site.backUp(tree, 'tree').catch((error: unknown) => error));
    let isStopped = false;
    for (let tries = 0; tries < 60 && !isStopped; tries++) {
      isStopped = (await stopped(north)) || (await stopped(clone));
      await systemTimers.sleep(100);
    }
    assert.ok(isStopped, 'one of the two stops writing');
    assert.ok(forksSeenBy(south, north) <= 1);
  }));
