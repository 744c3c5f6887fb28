import '#wire';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  createIdentity,
  createKeyring,
  createKitSeed,
  endorseKit,
  type Keyring,
  kitCode,
  openKit,
  recordId,
  sealKeyring,
  withKit,
  withNewDataKey,
  withNewDomain,
} from '#keys';
import { asId, type ContentHash, type SiteId } from '#model';
import { decompressBody, KeyBook, type SealContext, sealLeaf, sealNode } from '#records';
import { systemClock, systemRandom, systemTimers, toHex } from '#runtime';
import { compareTrees, type OutgoingFrame, type OutgoingNode, type SnapshotSink } from '#snapshot';
import { Store } from '#store';
import type { Volumes } from '#targets';
import { FolderVolumes } from '#targets/folder';
import { nodePayloadMaxBytes } from '#wire';
import { isRoot, makeCorpus } from '../kit/corpus.ts';
import { SnapshotLab, snapshotLabels } from '../kit/snapshot-lab.ts';
import { runReader } from './test-store.ts';

/** Seals what a walk finds and appends it to a store, as the appliance does. */
class StoreSink implements SnapshotSink {
  readonly #context: SealContext;
  readonly #store: Store;
  readonly #appends: Promise<void>[] = [];

  constructor(context: SealContext, store: Store) {
    this.#context = context;
    this.#store = store;
  }

  async wantedLeaves(hashes: readonly Uint8Array[]): Promise<boolean[]> {
    return hashes.map(() => true);
  }

  async wantedNodes(hashes: readonly Uint8Array[]): Promise<boolean[]> {
    return hashes.map(() => true);
  }

  async putLeaf({ hashes, compression, body }: OutgoingFrame): Promise<void> {
    this.#append(sealLeaf(this.#context, hashes as ContentHash[], { compression, body }).bytes);
  }

  async putNode({ hash, compression, body }: OutgoingNode): Promise<void> {
    const payload = decompressBody({ compression, body }, nodePayloadMaxBytes);
    this.#append(sealNode(this.#context, hash as ContentHash, payload, { compression, body }).bytes);
  }

  #append(record: Uint8Array): void {
    this.#appends.push(this.#store.append(record));
  }

  async durable(): Promise<void> {
    await this.#store.flush();
    await Promise.all(this.#appends);
  }
}

async function openStore(
  folder: string,
  keyring: Keyring,
  siteId: SiteId,
): Promise<{ volumes: Volumes; store: Store }> {
  const volumes = await FolderVolumes.open(join(folder, 'packs'));
  const store = await Store.open({
    volumes,
    indexFolder: join(folder, 'index'),
    realmId: keyring.realmId,
    siteId,
    random: systemRandom,
    clock: systemClock,
    timers: systemTimers,
    limits: { packBytes: 3_000_000, groupBytes: 500_000 },
  });
  return { volumes, store };
}

test('what the appliance stored comes back by the reader alone; what differs is what it named', async () => {
  using lab = new SnapshotLab();
  const by = { random: systemRandom, siteId: asId('SiteId', snapshotLabels.siteId), createdSeconds: 1 };
  const kit = createKitSeed(systemRandom, false);
  const { keyring: bare, domain } = withNewDomain(createKeyring(systemRandom), by);
  const keyring = withKit(
    withNewDataKey(bare, by).keyring,
    endorseKit(await openKit(kit), { ...createIdentity(systemRandom), siteId: by.siteId }, 1),
  );
  const { volumes, store } = await openStore(lab.folder, keyring, by.siteId);
  const sink = new StoreSink({ keys: new KeyBook(keyring), domainId: domain.domainId, random: systemRandom }, store);
  const source = lab.path('source');
  makeCorpus(source, { root: isRoot() });
  // Node sets times to less than a microsecond; the comparison looks at nanoseconds.
  execFileSync('find', [source, '-execdir', 'touch', '-h', '-d', '@1700000000', '--', '{}', '+']);
  const { manifestHash, totals } = await lab.take(source, { sink });
  await sink.durable();
  writeFileSync(lab.path('packs/keyring.sealed'), sealKeyring(keyring, systemRandom));

  // The store is still open, as a crash would leave it: its last packs have no footer.
  const id = toHex(recordId(domain.idKey, 'node', manifestHash as ContentHash));
  const list = runReader(lab.path('packs'), '--kit', kitCode(kit));
  assert.equal(list.status, 0, list.stderr);
  assert.ok(list.stdout.startsWith(id.slice(0, 16)), list.stdout);
  assert.ok(list.stdout.endsWith(`${totals.files} files  ${totals.contentBytes} bytes\n`), list.stdout);
  const out = lab.path('out');
  const run = runReader(lab.path('packs'), '--kit', kitCode(kit), 'restore', id, '--to', out);
  assert.equal(run.status, 3, run.stderr);
  const { differences, entries } = await compareTrees(Buffer.from(source), Buffer.from(out));
  assert.ok(entries > 600);
  const unnamed = differences.filter((line) => !run.stderr.includes(`${out}/${line.slice(0, line.indexOf(': '))}: `));
  assert.deepEqual(unnamed, []);
  await store.close();
  await volumes.close();
});
