import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asId, type SiteId } from '#model';
import { type Clock, equalBytes, toHex } from '#runtime';
import { Catalog } from '../catalog.ts';
import type { CatalogEntry, DatasetCreated, MemberAdded, Role, SnapshotMade } from '../entries.ts';
import type { BodySealer, KitSigner, Signer, SiteTrust } from '../ports.ts';
import { encodeMemberStatement } from '../statements.ts';
import { seedOf, testKit, testSealer, testSigner, testVerify } from './test-keys.ts';

export const testRealmId = asId('RealmId', seedOf('realm').slice(0, 16));

/** A clock that moves a second with each look. */
export function testClock(startMs = 1_700_000_000_000): Clock {
  let now = startMs;
  return { nowMs: () => (now += 1000), monotonicMs: () => now };
}

let keysMade = 0;

/** An appliance's worth of keys and a folder, without the appliance. */
export class TestSite {
  readonly name: string;
  readonly siteId: SiteId;
  readonly folder: string;
  readonly kit: KitSigner;
  readonly known = new Map<string, SiteTrust>();
  signer: Signer;
  sealer: BodySealer;
  clock = testClock();
  #catalog: Catalog | undefined;

  constructor(name: string, folder = mkdtempSync(join(tmpdir(), 'catalog-'))) {
    this.name = name;
    this.siteId = asId('SiteId', seedOf(`site ${name}`).slice(0, 16));
    this.folder = folder;
    this.kit = testKit(name);
    this.signer = testSigner(`${name} 1`);
    this.sealer = testSealer('realm key');
    this.trust(this);
  }

  get catalog(): Catalog {
    if (this.#catalog === undefined) throw new Error(`${this.name} is not open`);
    return this.#catalog;
  }

  /** What pairing with `other` would tell. */
  trust(other: TestSite): void {
    const kits = [{ kitId: other.kit.kitId, publicKey: other.kit.publicKey }];
    this.known.set(toHex(other.siteId), { publicKeys: [other.signer.publicKey], kits });
  }

  async open(): Promise<Catalog> {
    this.#catalog = await Catalog.open({
      folder: this.folder,
      siteId: this.siteId,
      signer: this.signer,
      verify: testVerify,
      sealer: this.sealer,
      knownSiteKeys: (siteId) => this.known.get(toHex(siteId)),
      clock: this.clock,
    });
    return this.#catalog;
  }

  /** Opens a new catalog with its first incarnation. */
  async init(): Promise<this> {
    await this.open();
    await this.reopenLog(true);
    return this;
  }

  /** A new incarnation under a new key. */
  async reopenLog(withKit: boolean): Promise<void> {
    const signer = testSigner(`${this.name}, key ${++keysMade}`);
    await this.catalog.openIncarnation({ signer, kit: withKit ? this.kit : undefined });
    this.signer = signer;
    this.trust(this);
  }

  async close(): Promise<void> {
    await this.#catalog?.close();
    this.#catalog = undefined;
  }

  async restart(): Promise<Catalog> {
    await this.close();
    return await this.open();
  }

  async remove(): Promise<void> {
    await this.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Pairs two sites: each trusts the other's keys and logs the other. */
export async function pair(a: TestSite, b: TestSite, roleOfB: Role = 'full'): Promise<void> {
  a.trust(b);
  b.trust(a);
  await a.catalog.append([addition(a, b, roleOfB)]);
  await b.catalog.append([addition(b, a, 'full')]);
}

/** What `by` logs about `site`, countersigned. */
export function addition(by: TestSite, site: TestSite, role: Role): MemberAdded {
  const statement = encodeMemberStatement({
    realmId: testRealmId,
    bySiteId: by.siteId,
    siteId: site.siteId,
    publicKey: site.signer.publicKey,
    kitId: site.kit.kitId,
    kitPublicKey: site.kit.publicKey,
    role,
  });
  const countersignature = site.signer.sign('catalog member', statement);
  return { kind: 'memberAdded', statement, countersignature, name: site.name };
}

/** Gives `to` what it lacks of `from`, once; how many batches were taken. */
export async function give(from: TestSite, to: TestSite): Promise<number> {
  const signed: Uint8Array[] = [];
  for await (const batch of from.catalog.batchesAfter(to.catalog.chainHeads())) signed.push(batch.signedBytes);
  return (await to.catalog.accept(signed)).taken;
}

/** Gives back and forth until neither lacks anything that the other can give. */
export async function converge(a: TestSite, b: TestSite): Promise<void> {
  for (let round = 0; round < 20; round++) {
    const moved = (await give(a, b)) + (await give(b, a));
    if (moved === 0) return;
  }
  throw new Error('still moving after 20 rounds');
}

export function agree(a: TestSite, b: TestSite): boolean {
  return equalBytes(a.catalog.digest(), b.catalog.digest());
}

export function dataset(name: string, site = ''): DatasetCreated {
  return {
    kind: 'datasetCreated',
    datasetId: asId('DatasetId', seedOf(`dataset ${site} ${name}`).slice(0, 16)),
    domainId: asId('DomainId', seedOf('domain').slice(0, 8)),
    name,
    host: 'host.example',
    paths: [new Uint8Array(Buffer.from('/srv'))],
  };
}

export function snapshot(of: DatasetCreated, label: string, startedSeconds: number): SnapshotMade {
  const id = seedOf(`snapshot ${toHex(of.datasetId)} ${label}`).slice(0, 20);
  return {
    kind: 'snapshotMade',
    snapshotId: asId('SnapshotId', id),
    datasetId: of.datasetId,
    domainId: of.domainId,
    rootId: asId('RecordId', id),
    lockSeconds: 0,
    started: { seconds: startedSeconds, nanos: 5 },
    finished: { seconds: startedSeconds + 10, nanos: 0 },
    totals: { files: 3, directories: 1, others: 0, contentBytes: 1234, changedWhileRead: 0, unreadable: 0 },
    host: 'host.example',
  };
}

export function copyOf(snapshotMade: SnapshotMade, owner: SiteId, where = 'store'): CatalogEntry {
  const { snapshotId } = snapshotMade;
  return { kind: 'copyMade', snapshotId, ownerSiteId: owner, where, proved: { seconds: 1, nanos: 0 } };
}

/** Everything the views say, in one comparable text. */
export function allViews(site: TestSite): string {
  const { views } = site.catalog;
  const ids = views.logIds();
  const of = ids.map((id) => ({
    id: toHex(id),
    snapshots: views.datasetIdsOf(id).map((datasetId) => {
      const page = views.snapshots({ siteId: id, datasetId, limit: 1000 });
      return page.snapshots.map((made) => ({ made, copies: views.copiesOf(made.snapshotId) }));
    }),
    copies: [...views.copiesAt(id)],
    agents: views.agents(id),
    keyring: views.keyringHeldBy(id),
    counts: views.bodyCounts(id),
  }));
  const members = views.members().map((member) => ({ ...member, name: '', publicKey: '' }));
  const all = { sites: views.sites(), datasets: views.datasets(), members, of, former: views.formerRealms() };
  return JSON.stringify(all, (_, value) => (value instanceof Uint8Array ? toHex(value) : value), 1);
}
