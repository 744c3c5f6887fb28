import assert from 'node:assert/strict';
import { join } from 'node:path';
import { toHex } from '#runtime';
import { WorldAgent } from './agents-of-world.ts';
import { type Attack, assertTold, type Cast, type OfferedFields } from './attack.ts';
import { contentsOf, pairInProcess, run, until, WorldSite, worldFolder, writeTree } from './hostile-world.ts';
import { Liar } from './liar.ts';

/** What a catalog says of a snapshot. */
function offeredFields(site: WorldSite, id: string): OfferedFields {
  const [row] = site.appliance.catalog.views.snapshotsById(id, 1);
  assert.ok(row);
  return { snapshotId: row.snapshotId, datasetId: row.datasetId, domainId: row.domainId };
}

/** The honest sites and agents, mallory paired and put to sleep, and data at each of them. */
export class HostileWorld implements AsyncDisposable {
  readonly cast: Cast;
  readonly #folder: ReturnType<typeof worldFolder>;
  readonly #sites: readonly WorldSite[];
  #checks = 0;

  private constructor(cast: Cast, folder: ReturnType<typeof worldFolder>, sites: readonly WorldSite[]) {
    this.cast = cast;
    this.#folder = folder;
    this.#sites = sites;
  }

  static async make(): Promise<HostileWorld> {
    const folder = worldFolder();
    const sites: WorldSite[] = [];
    try {
      return await HostileWorld.#make(folder, sites);
    } catch (error) {
      for (const site of sites) await site[Symbol.asyncDispose]();
      folder.remove();
      throw error;
    }
  }

  static async #make(folder: ReturnType<typeof worldFolder>, sites: WorldSite[]): Promise<HostileWorld> {
    const root = folder.path;
    for (const name of ['north', 'south']) sites.push(await WorldSite.start(root, name));
    const firstId = toHex(sites[0]?.appliance.identity.siteId ?? new Uint8Array(0));
    sites.push(await WorldSite.start(root, 'mallory', firstId));
    const [north, south, mallorySite] = sites as [WorldSite, WorldSite, WorldSite];
    await pairInProcess(north, south);
    await pairInProcess(north, mallorySite);
    await mallorySite.appliance.links.close();
    const offered = await mallorySite.backUp(writeTree(join(root, 'm'), 'of mallory'), 'loot');
    const wanted = await north.backUp(writeTree(join(root, 'n'), 'of north'), 'papers');
    await until(() => north.copiesOf(wanted.id).length === 2, 'the copy at south');
    const mallory = new Liar(mallorySite, north);
    await mallory.converge();
    const agents = {
      alice: await WorldAgent.enroll(root, north, 'alice'),
      eve: await WorldAgent.enroll(root, north, 'eve'),
    };
    const cast = {
      ...{ root, north, south, mallory, agents },
      offered: offeredFields(mallorySite, offered.id),
      wanted: { ...offeredFields(north, wanted.id), name: wanted.name },
    };
    return new HostileWorld(cast, folder, sites);
  }

  /** One lie, and everything that must hold after it. */
  async suffer({ name, told, attack }: Attack, liarName = 'mallory'): Promise<void> {
    const { north, mallory } = this.cast;
    north.letMinutePass();
    const from = north.log.length;
    await attack(this.cast);
    if (told !== undefined) {
      const about = () => north.warningsSince(from);
      await until(() => about().some((line) => [told].flat().includes(line.code ?? '')), `a line about: ${name}`);
      assertTold(about(), liarName, told);
    }
    this.#assertNothingGained(name);
    north.assertNoBugs();
    await this.#assertOthersServed();
    // An honest reconnect of the same one works at once.
    const [peer] = await Promise.all([mallory.open('fetch')]);
    await peer.end();
    assert.equal(await peer.receive(), undefined, name);
    north.appliance.links.link(mallory.site.appliance.identity.siteId);
  }

  /** A backup, its replication and a restore by those who are honest. */
  async assertWorks(): Promise<void> {
    const { root, north, south } = this.cast;
    this.#checks += 1;
    const tree = writeTree(join(root, `check-${this.#checks}`), `check ${this.#checks}`);
    const { id, name } = await north.backUp(tree, 'papers');
    await north.appliance.operations.replicate({ peer: 'south' }, run());
    await until(() => north.copiesOf(id).includes('south'), 'the copy at south');
    const target = join(root, `restored-${this.#checks}`);
    await south.restore(name, target);
    assert.deepEqual(contentsOf(target), contentsOf(tree));
  }

  /** Neither is what mallory offered held by north, nor what north has by mallory; and no more snapshots are listed. */
  #assertNothingGained(lie: string): void {
    const { north, south, offered, wanted } = this.cast;
    assert.deepEqual(north.copiesOf(toHex(offered.snapshotId)), ['mallory'], lie);
    assert.deepEqual([...north.copiesOf(toHex(wanted.snapshotId))].sort(), ['north', 'south'], lie);
    const unlike = south.appliance.operations.snapshots({}).filter(({ copies }) => copies.includes('mallory'));
    assert.ok(unlike.length <= 1, lie);
  }

  /** South's link and a client of north's machine are answered. */
  async #assertOthersServed(): Promise<void> {
    const { north, south, wanted } = this.cast;
    const link = south.appliance.links.link(north.appliance.identity.siteId);
    assert.ok(link !== undefined, 'south has its link');
    const channel = await link.open('replicate', 'control');
    await channel.end();
    assert.equal(await channel.receive(), undefined);
    assert.equal(north.appliance.operations.snapshot({ reference: wanted.name }).name, wanted.name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cast.mallory.hangUp();
    for (const site of this.#sites) await site[Symbol.asyncDispose]();
    this.#folder.remove();
  }
}
