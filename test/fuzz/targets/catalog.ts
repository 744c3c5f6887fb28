import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Catalog, syncCatalog } from '#catalog';
import { openKit, sign, verify } from '#keys';
import type { DatasetId, RealmId, SiteId } from '#model';
import { AppError, systemClock } from '#runtime';
import { codecOf } from '#wire';
import { kitSignerOf, realmSealer, signerOf } from '../../../apps/sitepair/appliance/catalog-keys.ts';
import { channelPair, ScriptedChannel } from '../channels.ts';
import { SeededRandom } from '../seeded-random.ts';
import { bytesTarget, conversationTarget, type Target } from '../target.ts';
import type { World } from '../world.ts';

const signedCodec = codecOf<{ batch: Uint8Array; signature: Uint8Array }>(
  'catalog.proto',
  'sitepair.catalog.v1.SignedBatch',
);
const stillClock = { nowMs: () => 1_700_000_000_000, monotonicMs: systemClock.monotonicMs };

/** A site's catalog in a folder of its own, which knows the world's site and its kit. */
class FuzzedCatalog implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'sitepair-fuzz-catalog-'));
  readonly catalog: Promise<Catalog>;

  constructor(
    world: World,
    siteId: Uint8Array,
    kitKey: { readonly kitId: Uint8Array; readonly publicKey: Uint8Array },
  ) {
    const random = new SeededRandom('catalog', 1);
    this.catalog = Catalog.open({
      folder: this.folder,
      siteId: siteId as SiteId,
      signer: signerOf(world.identity),
      verify,
      sealer: realmSealer(() => world.keys, random),
      knownSiteKeys: (asked) =>
        Buffer.from(asked).equals(world.identity.siteId)
          ? { publicKeys: [world.identity.key.publicKey], kits: [kitKey] }
          : undefined,
      clock: stillClock,
      random,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await (await this.catalog).close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Batches and messages of a peer that may sign as the world's site, and means harm. */
export async function catalogTargets(world: World): Promise<Target<never>[]> {
  const kit = await openKit({ seed: new SeededRandom('kit', 1).bytes(32), passphraseNeeded: false });
  const kitKey = { kitId: kit.kitId, publicKey: kit.signing.publicKey };
  const far = new Uint8Array(16).fill(0xee);
  await using own = new FuzzedCatalog(world, world.identity.siteId, kitKey);
  const catalog = await own.catalog;
  await catalog.openIncarnation({ signer: signerOf(world.identity), kit: kitSignerOf(kit) });
  await fillCatalog(catalog, world);
  const batches: Uint8Array[] = [];
  for await (const { signedBytes } of catalog.batchesAfter([])) batches.push(signedBytes);
  const messages = await captureSync(catalog, () => new FuzzedCatalog(world, far, kitKey));

  // A batch that was taken changes what comes next: each input meets a catalog that holds the first two batches.
  let ready: FuzzedCatalog | undefined;
  const withCatalog = async (work: (catalog: Catalog) => Promise<void>) => {
    const fuzzed = ready ?? new FuzzedCatalog(world, far, kitKey);
    const subject = await fuzzed.catalog;
    if (ready === undefined) await subject.accept(batches.slice(0, 2));
    ready = fuzzed;
    const before = Buffer.from(subject.digest());
    try {
      await work(subject);
    } finally {
      // Whatever came of it, its views can still be read.
      assert.ok(subject.views.datasetsNamed('data').length >= 0);
      subject.problems();
      if (!before.equals(subject.digest())) {
        ready = undefined;
        await fuzzed[Symbol.asyncDispose]();
      }
    }
  };
  process.on('exit', () => ready && rmSync(ready.folder, { recursive: true, force: true }));
  const resign = (signed: Uint8Array): Uint8Array => {
    let batch = signed;
    try {
      batch = signedCodec.decode(signed).batch;
    } catch {
      // What is no signed batch any more is signed as the batch itself.
    }
    return signedCodec.encode({ batch, signature: sign(world.identity.key, 'catalog batch', batch) });
  };
  const mostCatalog = (bytes: number) => 8_000_000 + 512 * bytes;
  return [
    bytesTarget({
      name: 'catalog batch',
      share: 1,
      isAsync: true,
      protobuf: true,
      seeds: batches,
      mend: resign,
      run: (bytes) =>
        withCatalog(async (subject) => {
          const { refused, taken } = await subject.accept([bytes]);
          if (taken > 0) assert.deepEqual((await subject.verifyLogs()).faults, [], 'a batch was taken that is none');
          const [first] = refused;
          if (first !== undefined) throw new AppError(first.reason, { code: 'catalog_malformed', advice: 'None.' });
        }),
      allocatedMax: ({ length }) => mostCatalog(length),
    }),
    conversationTarget({
      name: 'catalog messages',
      share: 1,
      isAsync: true,
      protobuf: true,
      seeds: messages,
      run: (script) => withCatalog((subject) => syncCatalog(subject, new ScriptedChannel(script))),
      allocatedMax: (script) => mostCatalog(script.reduce((sum, { length }) => sum + length, 0)),
    }),
  ] as Target<unknown>[] as Target<never>[];
}

async function fillCatalog(catalog: Catalog, { domainId, snapshotId, identity, keyring }: World): Promise<void> {
  const datasetId = new Uint8Array(16).fill(7) as DatasetId;
  const siteId = identity.siteId as Uint8Array as SiteId;
  const moment = { seconds: 1_700_000_000, nanos: 0 };
  const totals = { files: 1, directories: 1, others: 0, contentBytes: 5, changedWhileRead: 0, unreadable: 0 };
  await catalog.append([
    {
      kind: 'siteDescribed',
      name: 'north',
      addressText: 'here',
      coordinates: { latitude: 1, longitude: 2 },
      addresses: ['a:1'],
    },
  ]);
  await catalog.append([
    { kind: 'datasetCreated', datasetId, domainId, name: 'data', host: 'h', paths: [Buffer.from('/data')] },
  ]);
  const made = { kind: 'snapshotMade', snapshotId, datasetId, domainId, rootId: snapshotId, lockSeconds: 0 } as const;
  await catalog.append([
    { ...made, started: moment, finished: moment, totals, host: 'h' },
    { kind: 'copyMade', snapshotId, ownerSiteId: siteId, where: 'store', proved: moment },
  ]);
  await catalog.append([
    {
      kind: 'realmJoined',
      realmId: keyring.realmId as Uint8Array as RealmId,
      formerRealmId: new Uint8Array(16) as RealmId,
    },
    { kind: 'agentEnrolled', name: 'laptop', publicKey: identity.key.publicKey, datasetNames: ['x'] },
    { kind: 'copyWithdrawn', snapshotId, where: 'store', reason: 'gone' },
  ]);
}

/** What both ends of a real exchange said. */
async function captureSync(catalog: Catalog, other: () => FuzzedCatalog): Promise<(readonly Uint8Array[])[]> {
  await using fresh = other();
  const [a, b] = channelPair();
  const ends = [syncCatalog(catalog, a), syncCatalog(await fresh.catalog, b)];
  const agree = async () => Buffer.from(catalog.digest()).equals((await fresh.catalog).digest());
  while (!(await agree())) await new Promise(setImmediate);
  await Promise.all([a.end(), b.end()]);
  await Promise.all(ends);
  return [a.sent, b.sent];
}
