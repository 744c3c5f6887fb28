import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { isAppError, toHex } from '#runtime';
import { convergeCatalog } from './sync.ts';
import { channelPair } from './testing/channel-pair.ts';
import { seedOf, testSigner } from './testing/test-keys.ts';
import { addition, agree, allViews, copyOf, dataset, pair, snapshot, TestSite } from './testing/test-site.ts';

type Step =
  | { readonly do: 'append'; readonly site: number; readonly count: number }
  | { readonly do: 'sync'; readonly site: number; readonly peer: number }
  | {
      readonly do: 'restart' | 'kill views' | 'back up disk' | 'set disk back' | 'burn' | 'go on by key';
      readonly site: number;
    };

const site = fc.nat({ max: 4 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('append' as const), site, count: fc.integer({ min: 1, max: 3 }) }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('sync' as const), site, peer: site }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom(
        'restart' as const,
        'kill views' as const,
        'back up disk' as const,
        'set disk back' as const,
        'burn' as const,
        'go on by key' as const,
      ),
      site,
    }),
  },
);

/** A realm under whatever happens to it. */
class World {
  readonly sites: TestSite[] = [];
  readonly #folder = mkdtempSync(join(tmpdir(), 'world-'));
  /** Snapshots that a second site has taken: they must never be forgotten. */
  readonly replicated = new Set<string>();
  #made = 0;

  async begin(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      const begun = new TestSite(`s${i}`, join(this.#folder, `s${i}`));
      // Clocks of sites are years apart.
      begun.clock = { nowMs: () => 1e12 * (i + 1), monotonicMs: () => 0 };
      this.sites.push(await begun.init());
    }
    for (const [i, other] of this.sites.entries()) if (i > 0) await pair(this.sites[(i - 1) >> 1]!, other);
  }

  async run(what: Step): Promise<void> {
    const at = this.#at(what.site);
    if (what.do === 'append') await this.#append(at, what.count);
    else if (what.do === 'sync') await this.sync(at, this.#at(what.peer));
    else if (what.do === 'restart') await at.restart();
    else if (what.do === 'burn') await this.#burn(at);
    else if (what.do === 'go on by key') await this.#goOn(at);
    else {
      await at.close();
      const backup = `${at.folder}-backup`;
      if (what.do === 'kill views') rmSync(join(at.folder, 'views'), { recursive: true, force: true });
      if (what.do === 'back up disk') {
        rmSync(backup, { recursive: true, force: true });
        cpSync(at.folder, backup, { recursive: true });
      }
      if (what.do === 'set disk back' && existsSync(backup)) {
        rmSync(at.folder, { recursive: true });
        cpSync(backup, at.folder, { recursive: true });
      }
      await at.open();
    }
    if (what.do === 'burn' || what.do === 'set disk back') this.#mourn();
  }

  /** A disk is gone: what nobody else has went with it. */
  #mourn(): void {
    const left = new Set(this.sites.flatMap((at) => this.#snapshotsAt(at)));
    for (const id of this.replicated) if (!left.has(id)) this.replicated.delete(id);
  }

  async sync(a: TestSite, b: TestSite): Promise<void> {
    if (a === b) return;
    // A link needs trust one way or the other; who is not paired learns of the other by its logs.
    const [left, right] = channelPair();
    const ends = await Promise.allSettled([convergeCatalog(a.catalog, left), convergeCatalog(b.catalog, right)]);
    for (const end of ends) {
      if (end.status === 'rejected') assert.ok(isAppError(end.reason, 'catalog_not_converged'), end.reason);
    }
    if (ends.every((end) => end.status === 'fulfilled')) for (const id of this.#snapshotsAt(a)) this.replicated.add(id);
  }

  /** Everybody talks until nobody learns anything; who must, opens a new incarnation with its kit. */
  async settle(): Promise<void> {
    for (let round = 0; round < 3; round++) {
      await this.#talk();
      for (const at of this.sites) await this.#append(at, 1);
    }
    await this.#talk();
  }

  async #talk(): Promise<void> {
    for (let round = 0; round < this.sites.length; round++) {
      for (let i = 1; i < this.sites.length; i++) await this.sync(this.sites[(i - 1) >> 1]!, this.sites[i]!);
    }
  }

  async #append(at: TestSite, count: number): Promise<void> {
    const mail = dataset('mail', at.name);
    const entries = Array.from({ length: count }, () => snapshot(mail, `${this.#made++}`, this.#made)).flatMap(
      (made) => [made, copyOf(made, at.siteId)],
    );
    try {
      await at.catalog.append([mail, ...entries]);
    } catch (error) {
      assert.ok(
        isAppError(error, 'catalog_incarnation_needed') || isAppError(error, 'catalog_log_damaged'),
        `${error}`,
      );
      await at.reopenLog(true);
      // What a site had logged about its peers may have burnt with it: it says it again.
      await at.catalog.append(this.#pairedWith(at).map((other) => addition(at, other, 'full')));
      await at.catalog.adoptSuperseded();
      await at.catalog.append([mail, ...entries]);
    }
  }

  /** A new incarnation without the kit: on a disk that was set back it may stand against another one. */
  async #goOn(at: TestSite): Promise<void> {
    try {
      await at.reopenLog(false);
    } catch (error) {
      assert.ok(isAppError(error, 'catalog_kit_needed'), `${error}`);
    }
  }

  async #burn(at: TestSite): Promise<void> {
    await at.close();
    rmSync(at.folder, { recursive: true });
    rmSync(`${at.folder}-backup`, { recursive: true, force: true });
    at.signer = testSigner(toHex(seedOf(`${at.name} ${this.#made}`)));
    at.trust(at);
    await at.open();
  }

  #pairedWith(at: TestSite): TestSite[] {
    const own = this.sites.indexOf(at);
    return this.sites.filter((_, i) => i !== own && ((i - 1) >> 1 === own || (own - 1) >> 1 === i));
  }

  #at(index: number): TestSite {
    return this.sites[index % this.sites.length]!;
  }

  #snapshotsAt(at: TestSite): string[] {
    const { views } = at.catalog;
    return views
      .logIds()
      .flatMap((siteId) =>
        views
          .datasetIdsOf(siteId)
          .flatMap((datasetId) =>
            views.snapshots({ siteId, datasetId, limit: 1000 }).snapshots.map((view) => toHex(view.snapshotId)),
          ),
      );
  }

  check(): void {
    const [first, ...others] = this.sites as [TestSite, ...TestSite[]];
    for (const other of others) {
      assert.ok(agree(first, other), `${first.name} and ${other.name} differ`);
      assert.equal(allViews(other), allViews(first));
    }
    const held = new Set(this.#snapshotsAt(first));
    for (const id of this.replicated) assert.ok(held.has(id), `snapshot ${id} was forgotten`);
    assert.equal(first.catalog.views.members().length, this.sites.length);
  }

  async end(): Promise<void> {
    for (const at of this.sites) await at.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

test('whatever happens to 2 to 5 sites, those that talked agree, and forget nothing that a second one had', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 2, max: 5 }),
      fc.array(step, { maxLength: 25, size: 'max' }),
      async (count, steps) => {
        const world = new World();
        try {
          await world.begin(count);
          for (const what of steps) await world.run(what);
          await world.settle();
          world.check();
          for (const at of world.sites) await world.run({ do: 'kill views', site: world.sites.indexOf(at) });
          world.check();
        } finally {
          await world.end();
        }
      },
    ),
    { numRuns: process.env.SITEPAIR_TIER === 'full' ? 60 : 4 },
  );
});
