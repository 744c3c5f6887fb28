import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { RealmId, SiteId } from '#model';
import { isAppError, systemClock, systemTimers, toHex } from '#runtime';
import { Store, type StoreNotice } from '#store';
import { openMemoryIndex } from '../memory-index.ts';
import { MemoryVolumes } from '../memory-volumes.ts';
import { SeededRandom } from '../seeded-random.ts';
import { bytesTarget, type Target } from '../target.ts';
import type { World } from '../world.ts';

const trailerBytes = 64;
const closedName = /\.pack$/;

function openStore(world: World, volumes: MemoryVolumes, onNotice: (notice: StoreNotice) => void): Promise<Store> {
  return Store.open({
    volumes,
    indexFolder: '/nowhere',
    realmId: world.keyring.realmId as Uint8Array as RealmId,
    siteId: world.identity.siteId as Uint8Array as SiteId,
    random: new SeededRandom('store', 1),
    clock: systemClock,
    timers: systemTimers,
    openIndex: openMemoryIndex,
    onNotice,
  });
}

/** Packs that a disk has changed, or that somebody wrote to harm: recovery, scrub and check over them. */
export async function packTargets(world: World): Promise<Target<Uint8Array>[]> {
  const volumes = new MemoryVolumes();
  const store = await openStore(world, volumes, () => undefined);
  const [small, large] = [world.records.slice(2), world.records.slice(0, 2)];
  for (const group of [small.slice(0, 2), small.slice(2), large.slice(0, 1)]) {
    const appended = group.map((record) => store.append(record));
    await store.flush();
    await Promise.all(appended);
  }
  // As a power cut leaves them: without footer.
  const open = [...volumes.files].filter(([name]) => name.endsWith('.open'));
  const openBytes = open.map(([, bytes]) => new Uint8Array(bytes));
  await store.close();
  const closedBytes = [...volumes.files].filter(([name]) => closedName.test(name)).map(([, bytes]) => bytes);
  const make = (name: string, file: string, seeds: readonly Uint8Array[]) =>
    bytesTarget({
      name,
      isAsync: true,
      share: 1,
      seeds,
      mend: mendFooter,
      run: (bytes) => withPack(world, file, bytes),
      // A reader reads ahead by windows of 4 MiB, cut to the pack; each walk, of which there are several, has its own.
      allocatedMax: (bytes) => 16_000_000 + 256 * bytes.length,
    });
  return [
    make('pack, open', '000000/0000000003.open', openBytes),
    make('pack, closed', '000000/0000000003.pack', closedBytes),
  ];
}

/** Whatever the pack holds: no id gives another's record, all damage is a finding or a notice. */
async function withPack(world: World, file: string, bytes: Uint8Array): Promise<void> {
  const notices: StoreNotice[] = [];
  const volumes = new MemoryVolumes(new Map([[file, bytes]]));
  const store = await openStore(world, volumes, (notice) => notices.push(notice));
  const good = new Map(world.records.flatMap(({ ids, bytes: whole }) => ids.map((id) => [toHex(id), whole] as const)));
  let found = 0;
  try {
    for (const [id, whole] of good) {
      try {
        const record = await store.read(world.domainId, Buffer.from(id, 'hex') as never);
        if (record === undefined) continue;
        assert.ok(Buffer.from(record.bytes).equals(whole), 'another record came than was stored');
        found += 1;
      } catch (error) {
        if (!isAppError(error, 'record_damaged')) throw error;
      }
    }
    let findings = 0;
    for await (const finding of store.scrub()) findings += finding.length >= 0 ? 1 : 0;
    for await (const finding of store.checkStructure()) findings += finding.message.length > 0 ? 1 : 0;
    for await (const record of store.records()) assert.ok(record.length > 0);
    const { packs } = store.statistics();
    // Everything that was in the seed is there and the pack is what it was, or something was said.
    assert.ok(found > 0 || findings + notices.length > 0 || packs === 0, 'records are gone and nobody said so');
  } finally {
    await store.close();
  }
}

/** A footer and a trailer whose hash fits, whatever they say: what a forger would write. */
function mendFooter(bytes: Uint8Array): Uint8Array {
  if (bytes.length < 2 * trailerBytes) return bytes;
  const mended = Buffer.from(bytes);
  const trailer = mended.subarray(mended.length - trailerBytes);
  const footerLength = trailer.readBigUInt64LE(16);
  const limit = BigInt(mended.length - trailerBytes);
  if (footerLength > limit) return bytes;
  const footerOffset = Number(limit - footerLength);
  trailer.writeBigUInt64LE(BigInt(footerOffset), 8);
  const hash = createHash('sha256').update(mended.subarray(footerOffset, mended.length - trailerBytes / 2));
  hash.digest().copy(trailer, trailerBytes / 2);
  return new Uint8Array(mended);
}
