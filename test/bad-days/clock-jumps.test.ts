import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { isAppError } from '#runtime';
import { onStage, pairInProcess, until, writeTree } from '../hostile/hostile-world.ts';

const yearMs = 365 * 24 * 3600 * 1000;

test('a clock that leaps ten years ahead, back, and twenty years behind while it runs cuts no link and hides no backup', () =>
  onStage(async ({ root, start }) => {
    const north = await start('north');
    const south = await start('south');
    await pairInProcess(north, south);
    const { siteId } = north.appliance.identity;
    const link = south.appliance.links.link(siteId);
    const tree = join(root, 'tree');
    const { code } = await north.appliance.operations.pairInvite({ addresses: [], role: 'full' });
    const made: string[] = [];
    for (const years of [0, 10, 0, -20, 0]) {
      north.setClockAhead(years * yearMs);
      const { id } = await north.backUp(writeTree(tree, `years ${years} of ${made.length}`), 'tree');
      made.push(id);
      await until(() => north.copiesOf(id).length === 2, `the copy, ${years} years off`);
      assert.equal(
        north.appliance.operations.snapshot({ reference: 'tree@latest' }).id,
        id,
        `latest, ${years} years off`,
      );
      assert.equal(south.appliance.links.link(siteId), link, 'the link is the same');
    }
    const listed = south.appliance.operations.snapshots({ dataset: 'north/tree' }).map(({ id }) => id);
    assert.deepEqual(listed, made.toReversed());

    // An invitation ends by the clock of whoever made it; who comes too late is told, and a new one works.
    const west = await start('west');
    north.setClockAhead(10 * yearMs);
    await assert.rejects(
      west.appliance.operations.pairAccept({ code }),
      (error) => isAppError(error) && error.advice !== '',
    );
    const next = await north.appliance.operations.pairInvite({ addresses: [], role: 'full' });
    await west.appliance.operations.pairAccept({ code: next.code });
  }));

test("a peer's disk that hangs ends the transfer in words, and what it had taken is not sent again when it is back", () =>
  onStage(async ({ root, start }) => {
    const north = await start('north');
    const south = await start('south');
    await pairInProcess(north, south);
    const { store } = south.appliance;
    const append = store.append.bind(store);
    const disk = Promise.withResolvers<void>();
    let hung = 0;
    store.append = async (record) => {
      hung += 1;
      await disk.promise;
      await append(record);
    };
    const { id } = await north.backUp(writeTree(join(root, 'tree'), 'hang'), 'tree');
    await until(() => hung > 0, 'south to write');
    const other = await north.backUp(writeTree(join(root, 'tree'), 'meanwhile'), 'other');
    assert.deepEqual(north.copiesOf(other.id), ['north']);
    await new Promise((resolve) => setTimeout(resolve, 2000));
    assert.deepEqual(north.copiesOf(id), ['north'], 'nothing is acknowledged by a disk that hangs');
    disk.resolve();
    store.append = append;
    await until(() => [id, other.id].every((one) => north.copiesOf(one).length === 2), 'both copies');
  }));
