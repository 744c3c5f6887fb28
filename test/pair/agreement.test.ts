import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { compareTrees } from '#snapshot';
import { pairSites, TestSite, testFolder, until, untilCatalogsAgree, untilHeldBy } from '../kit/test-site.ts';
import { runReader } from '../reader/test-store.ts';

interface SnapshotLine {
  readonly id: string;
  readonly name: string;
}

const root = testFolder('agreement');
let north: TestSite;
let south: TestSite;
const ports = { north: 0, south: 0 };

before(async () => {
  north = await TestSite.init(root.path, 'north');
  south = await TestSite.init(root.path, 'south');
  await serve(north, 'north');
  await serve(south, 'south');
});

after(async () => {
  await Promise.all([north.kill(), south.kill()]);
  root[Symbol.dispose]();
});

/** On the port that it had before. */
async function serve(site: TestSite, name: 'north' | 'south'): Promise<string> {
  const address = await site.serve(ports[name]);
  ports[name] = Number(address.split(':').at(-1));
  return address;
}

/** A tree of its own for each name, made when it is first asked for. */
function treeOf(name: string): string {
  const tree = join(root.path, `tree ${name}`);
  if (existsSync(tree)) return tree;
  mkdirSync(join(tree, 'deep', 'er'), { recursive: true });
  for (let i = 0; i < 20; i++)
    writeFileSync(join(tree, i % 2 ? 'deep' : '', `file-${i}`), `${name} ${i} `.repeat(i * 300));
  return tree;
}

async function assertRestores(site: TestSite, reference: string, tree: string): Promise<void> {
  const target = mkdtempSync(join(root.path, `${site.name}-restores-`));
  await site.ok('restore', reference, '--to', target);
  assert.deepEqual((await compareTrees(Buffer.from(tree), Buffer.from(target))).differences, []);
}

test('two realms that both held data pair: their catalogs agree, and each restores what the other made', async () => {
  await north.ok('backup', treeOf('mail'), '--dataset', 'mail');
  await north.ok('key', 'rotate');
  await north.ok('backup', treeOf('web'), '--dataset', 'web');
  await south.ok('backup', treeOf('books'), '--dataset', 'books');
  await pairSites(north, south, `127.0.0.1:${ports.north}`);
  await untilHeldBy(north, 2);
  await untilCatalogsAgree([north, south]);
  const [atNorth, atSouth] = await Promise.all([north, south].map((site) => site.json<SnapshotLine[]>('snapshots')));
  assert.deepEqual(new Set(atNorth?.map(({ name }) => name)), new Set(atSouth?.map(({ name }) => name)));
  assert.equal(atNorth?.length, 3);
  await assertRestores(north, 'south/books@latest', treeOf('books'));
  await assertRestores(south, 'north/mail@latest', treeOf('mail'));
});

test('the catalogs agree again after one end stood still, was killed, and both were restarted', async () => {
  south.signal('SIGSTOP');
  await north.ok('backup', treeOf('while south stands still'), '--dataset', 'mail');
  south.signal('SIGCONT');
  await untilHeldBy(south, 2);
  await untilCatalogsAgree([north, south]);

  await south.kill();
  await north.ok('backup', treeOf('while south is gone'), '--dataset', 'mail');
  await north.kill();
  await serve(south, 'south');
  await south.ok('backup', treeOf('while north is gone'), '--dataset', 'books');
  await serve(north, 'north');
  await untilHeldBy(north, 2);
  await untilCatalogsAgree([north, south]);
  await assertRestores(north, 'south/books@latest', treeOf('while north is gone'));
  await assertRestores(south, 'north/mail@latest', treeOf('while south is gone'));
});

test("the stand-alone reader restores from either site's packs with either kit alone, after two key rotations and a pairing", async () => {
  const rotated = await north.run('key', 'rotate', '--json');
  const { keyId } = JSON.parse(rotated.stdout) as { keyId: string };
  const attention = async () => (await north.run('status')).stdout;
  await until(async () => !(await attention()).includes('data key is not in use yet'), 'the new key to be at south');
  await north.ok('backup', treeOf('after all rotations'), '--dataset', 'last');
  const snapshots = await north.json<SnapshotLine[]>('snapshots');
  const packs = join(north.state, 'packs');
  assert.ok(
    readdirSync(join(packs, '000000')).some((pack) =>
      readFileSync(join(packs, '000000', pack)).includes(Buffer.from(keyId, 'hex')),
    ),
    'the newest key seals',
  );
  await north.ok('replicate');
  for (const [site, kit] of [
    [north, north.kit],
    [south, north.kit],
    [south, south.kit],
  ] as const) {
    const listed = runReader(join(site.state, 'packs'), '--kit', kit);
    assert.equal(listed.status, 0, listed.stderr);
    for (const { id } of snapshots) assert.ok(listed.stdout.includes(id.slice(0, 16)), `${id} in\n${listed.stdout}`);
  }
  // Made before the first rotation, between the two, after both; by the peer; each read where it was not made, or with the other's kit.
  for (const [packs, kit, dataset, tree] of [
    [south, south.kit, 'north/mail', 'mail'],
    [north, north.kit, 'north/web', 'web'],
    [south, north.kit, 'north/last', 'after all rotations'],
    [north, south.kit, 'south/books', 'books'],
  ] as const) {
    const oldest = snapshots.filter(({ name }) => name.startsWith(`${dataset}@`)).sort(byName)[0];
    const target = join(root.path, `read ${tree}`);
    const read = runReader(join(packs.state, 'packs'), '--kit', kit, 'restore', oldest?.id ?? '', '--to', target);
    assert.equal(read.status, 0, read.stderr);
    const { differences } = await compareTrees(Buffer.from(treeOf(tree)), Buffer.from(target));
    // A reader of Node alone sets times to less than a microsecond.
    assert.deepEqual(
      differences.filter((line) => !line.includes(': time ')),
      [],
    );
  }
});

function byName(a: SnapshotLine, b: SnapshotLine): number {
  return a.name < b.name ? -1 : 1;
}
