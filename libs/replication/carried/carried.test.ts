import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { createIdentity } from '#keys';
import type { RealmId, SiteId, SnapshotId } from '#model';
import { AppError, isAppError, systemClock, systemRandom, systemTimers } from '#runtime';
import { Store } from '#store';
import { type Volumes, volumeFull } from '#targets';
import { FolderVolumes } from '#targets/folder';
import { MemoryStore } from '../testing/memory-store.ts';
import { datasetId, domainId, keys, putSnapshot } from '../testing/sample-snapshot.ts';
import { exportCarried } from './carried-export.ts';
import { CarriedFolder, type CarriedSource, namesIn } from './carried-folder.ts';
import { importCarried } from './carried-import.ts';
import { PlaceSet } from './carried-plan.ts';

const root = mkdtempSync(join(tmpdir(), 'sitepair-carried-'));
after(() => rmSync(root, { recursive: true }));
let count = 0;
const identity = createIdentity(systemRandom);
const addressee = new Uint8Array(16).fill(2) as SiteId;
const realmId = new Uint8Array(16).fill(9) as RealmId;
const batch = new Uint8Array(300).fill(7);
const lineFails = new AppError('cut', { code: 'link_cut', advice: 'Try again.' });

const own = new MemoryStore();
const snapshotId = await putSnapshot(own, { docs: ['a', 'b', 'c', 'd', 'e'], mail: ['f', 'g'] });

/** Operations after which the disk fails: with this error, for good. */
interface Failing {
  left: number;
  readonly error: AppError;
}

function failing<T extends object>(target: T, failure: Failing): T {
  return new Proxy(target, {
    get(_, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== 'function') return member;
      if (name === 'close') return member.bind(target);
      return async (...args: unknown[]) => {
        if (failure.left-- <= 0) throw failure.error;
        const result: unknown = await member.apply(target, args);
        return typeof result === 'object' && result !== null && 'datasync' in result
          ? failing(result, failure)
          : result;
      };
    },
  });
}

async function exportTo(folder: string, failure: Failing = { left: Number.POSITIVE_INFINITY, error: lineFails }) {
  const open = async (path: string): Promise<Volumes> => failing(await FolderVolumes.open(path), failure);
  const [volumes, packs] = [await open(folder), await open(join(folder, 'packs'))];
  try {
    return await exportCarried({
      identity,
      realmId,
      addressee,
      jobs: [{ snapshotId, datasetId, domainId, name: 'docs', base: undefined }],
      store: own,
      keys,
      sealedKeyring: new Uint8Array(10),
      async *batches() {
        yield batch;
      },
      folder,
      names: () => namesIn(folder),
      volumes,
      packs,
      openDisk: (onLeftOpen) =>
        Store.open({
          ...{ volumes: packs, indexFolder: join(root, `index-${count++}`), realmId, siteId: identity.siteId },
          ...{ random: systemRandom, clock: systemClock, timers: systemTimers },
          onNotice: ({ code }) => {
            if (code === 'pack_left_open') onLeftOpen();
          },
        }),
      elsewhere: () => new PlaceSet(),
      onCarried: () => undefined,
      clock: systemClock,
      random: systemRandom,
      signal: new AbortController().signal,
      onProgress: () => undefined,
    });
  } finally {
    await packs.close();
    await volumes.close();
  }
}

/** A site that takes disks; `copies` are what it has logged. */
class Taker {
  readonly store = new MemoryStore();
  readonly copies: SnapshotId[] = [];
  readonly batches: Uint8Array[] = [];

  take(source: CarriedSource, siteId: SiteId = addressee, keysOf = [identity.key.publicKey]) {
    const { store, copies } = this;
    return importCarried({
      source,
      siteId,
      keysOf: () => keysOf,
      receiver: async () => ({
        store,
        keys,
        copies: {
          checkOffer: () => undefined,
          holds: () => copies.length > 0,
          mayBeBase: () => false,
          recordCopy: async (offered) => void copies.push(offered.snapshotId),
        },
        acceptsRealm: (realm) => realm[0] === 9,
        accept: async (batches) => void this.batches.push(...batches),
      }),
      timers: systemTimers,
      windowBytes: 1_000_000,
      signal: new AbortController().signal,
      onProgress: () => undefined,
    });
  }
}

const disk = join(root, 'disk');
const exported = await exportTo(disk);

test('an export lies on the disk, and an import of it proves the snapshot before it logs the copy', async () => {
  assert.equal(exported.leftBytes, 0);
  const taker = new Taker();
  const imported = await taker.take(new CarriedFolder(disk));
  assert.deepEqual(taker.copies, [snapshotId]);
  assert.equal(imported.takenRecords, exported.writtenRecords);
  assert.deepEqual(
    taker.batches.map((bytes) => Buffer.from(bytes)),
    [Buffer.from(batch)],
  );
});

test('a byte changed anywhere is refused, or changes nothing that counts', async () => {
  const files = readdirSync(disk, { recursive: true, encoding: 'utf8' }).filter((name) =>
    statSync(join(disk, name)).isFile(),
  );
  for (const file of files) {
    const bytes = readFileSync(join(disk, file));
    const isRead = /\.pack$|manifest$|batches$/.test(file);
    for (const at of [9, bytes.length >> 1, bytes.length - 70, bytes.length - 1]) {
      if (bytes[at] === undefined) continue;
      const altered = Buffer.from(bytes);
      altered[at] = (bytes[at] ?? 0) ^ 0x10;
      writeFileSync(join(disk, file), altered);
      const taker = new Taker();
      try {
        await taker.take(new CarriedFolder(disk));
        assert.ok(!isRead, `${file} at ${at} was taken`);
      } catch (error) {
        assert.ok(isRead && isAppError(error) && /^carried_/.test(error.code), `${file} at ${at}: ${String(error)}`);
        assert.deepEqual(taker.copies, []);
      }
    }
    writeFileSync(join(disk, file), bytes);
  }
});

test('a disk of another realm, for another site, or of a stranger is refused before anything of it is read', async () => {
  const code = (work: Promise<unknown>) => work.then(String, (error) => (error as AppError).code);
  const taker = new Taker();
  const source = new CarriedFolder(disk);
  assert.equal(await code(taker.take(source, new Uint8Array(16).fill(5) as SiteId)), 'carried_misdirected');
  assert.equal(await code(taker.take(source, addressee, [])), 'carried_stranger');
  const other = createIdentity(systemRandom).key.publicKey;
  assert.equal(await code(taker.take(source, addressee, [other])), 'carried_stranger');
  assert.equal(await code(taker.take(new CarriedFolder(join(root, 'none')))), 'carried_unfinished');
  assert.deepEqual([taker.batches.length, taker.store.appended.length], [0, 0]);
});

test('an export cut at any operation of the disk goes on with the next call, and what is there is whole', async () => {
  const folder = join(root, 'cut');
  let cuts = 0;
  for (let left = 2; ; left += 1 + (left >> 2)) {
    const error = left % 2 === 0 ? lineFails : volumeFull('write');
    try {
      await exportTo(folder, { left, error });
      break;
    } catch (thrown) {
      assert.ok(isAppError(thrown), String(thrown));
      cuts += 1;
    }
  }
  assert.ok(cuts > 3, `${cuts} cuts`);
  const taker = new Taker();
  await taker.take(new CarriedFolder(folder));
  assert.deepEqual(taker.copies, [snapshotId]);
});

test('an import cut at any read logs no copy, and the next call goes on', async () => {
  const taker = new Taker();
  let cuts = 0;
  for (let left = 0; taker.copies.length === 0; left++) {
    const failure = { left, error: lineFails };
    await taker.take(failing(new CarriedFolder(disk), failure)).catch((error) => {
      assert.ok(isAppError(error, 'link_cut'), String(error));
      cuts += 1;
      assert.deepEqual(taker.copies, []);
    });
  }
  assert.ok(cuts > 5, `${cuts} cuts`);
});

test('a truncated or swapped pack is not taken, the others are, and the disk is told as altered', async () => {
  const copy = join(root, 'swapped');
  cpSync(disk, copy, { recursive: true });
  const [first, second] = [0, 1].map((n) => join(copy, 'packs', '000000', `000000000${n}.pack`)) as [string, string];
  writeFileSync(first, readFileSync(second));
  const taker = new Taker();
  await assert.rejects(taker.take(new CarriedFolder(copy)), (error) => isAppError(error, 'carried_altered'));
  assert.ok(taker.store.durableRecords > 0 && taker.copies.length === 0);
});
