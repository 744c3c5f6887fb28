import type { SiteIdentity } from '#keys';
import type { RealmId, SiteId } from '#model';
import { type KeyBook, verifyRecord } from '#records';
import { type Clock, equalBytes, isAppError, type Random, toHex } from '#runtime';
import { packEntries, recordIn, type Store } from '#store';
import type { Volumes } from '#targets';
import { sha256 } from '#wire';
import type { RecordPlace, RecordStore } from '../ports.ts';
import { writeBatches } from './carried-catalog.ts';
import { carriedAltered, carriedDiskFull, carriedFolderForeign } from './carried-errors.ts';
import { carriedPackPath, catalogFile, labelFile, manifestFile } from './carried-folder.ts';
import { CarriedJournal } from './carried-journal.ts';
import {
  type CarriedLabel,
  type CarriedManifest,
  type CarriedPack,
  carriedSnapshotsMax,
  decodeLabel,
  decodeManifest,
  signLabel,
  signManifest,
} from './carried-manifest.ts';
import { type CarriedJob, type PlaceSet, planCarried } from './carried-plan.ts';

export interface CarriedExport {
  readonly identity: SiteIdentity;
  readonly realmId: RealmId;
  readonly addressee: SiteId;
  /** Oldest first within a dataset. */
  readonly jobs: readonly CarriedJob[];
  readonly store: RecordStore;
  /** What was written is read back, and its seals opened. */
  readonly keys: KeyBook;
  readonly sealedKeyring: Uint8Array;
  readonly batches: () => AsyncIterable<Uint8Array>;
  /** The folder itself, found good by `checkCarriedFolder`, and `packs` in it. */
  readonly folder: string;
  /** What lies in the folder, not in those below it. */
  readonly names: () => Promise<readonly string[]>;
  readonly volumes: Volumes;
  readonly packs: Volumes;
  /** Opens a store on `packs`, with an index that is made anew. `onLeftOpen` is told when a pack could not be closed. */
  readonly openDisk: (onLeftOpen: () => void) => Promise<Store>;
  /** What other disks of this pair carry, by the id of this one. */
  readonly elsewhere: (diskId: Uint8Array) => PlaceSet;
  /** The manifest is durable: from now on this disk carries these records. */
  readonly onCarried: (diskId: Uint8Array, places: PlaceSet) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
  readonly onProgress: (doing: string, doneBytes: number, totalBytes?: number) => void;
}

export interface CarriedExportResult {
  readonly diskId: Uint8Array;
  readonly snapshots: number;
  readonly writtenRecords: number;
  readonly writtenBytes: number;
  /** All packs of the disk. */
  readonly diskBytes: number;
  /** What did not fit, and is for another disk. */
  readonly leftBytes: number;
}

/** How often free space is looked at, and how much of it stays free for footers, journal and manifest. */
const lookEveryBytes = 4 * 1024 * 1024;
const reserveOf = (freeBytes: number) => Math.min(256 * 1024 * 1024, Math.max(1024 * 1024, freeBytes / 8));
/** Bytes that may wait for the disk. */
const pendingBytesMax = 64 * 1024 * 1024;
/** Read back between two entries into the journal. */
const packsAStep = 16;

/**
 * Writes what the peer lacks onto a disk, or goes on with one: label -> catalog -> records -> packs closed and read back ->
 * manifest (CARRIED.md section 2). Cut off at any point, a second call goes on. A full disk ends it well, with
 * `leftBytes`; `carried_disk_full` when nothing could be written.
 */
export async function exportCarried(given: CarriedExport): Promise<CarriedExportResult> {
  // What a manifest may list; the next export brings the rest.
  const options = { ...given, jobs: given.jobs.slice(0, carriedSnapshotsMax) };
  const { volumes, onProgress } = options;
  const label = await takeFolder(options);
  await options.packs.writeSmall('keyring.sealed', options.sealedKeyring);
  const previous = await previousEdition(options, label);
  const edition = previous + 1;
  onProgress('writing the catalog', 0);
  const catalog = await writeCatalog(options, edition);
  const written = await writeRecords(options, label);
  const packs = await readBack(options, label);
  options.signal.throwIfAborted();
  const manifest: CarriedManifest = {
    label,
    writtenSeconds: Math.floor(options.clock.nowMs() / 1000),
    edition,
    snapshots: options.jobs.map(({ snapshotId, datasetId, domainId }) => ({ snapshotId, datasetId, domainId })),
    packs,
    catalogBytes: catalog.bytes,
    catalogSha256: catalog.sha256,
  };
  await fitting(options, written.leftBytes, () =>
    volumes.writeSmall(manifestFile, signManifest(manifest, options.identity)),
  );
  options.onCarried(label.diskId, written.places);
  for (const name of await options.names())
    if (/^catalog-\d{10}\.batches$/.test(name) && name !== catalogFile(edition)) await volumes.remove(name);
  const diskBytes = packs.reduce((sum, { bytes }) => sum + bytes, 0);
  const { records: writtenRecords, bytes: writtenBytes, leftBytes } = written;
  return { diskId: label.diskId, snapshots: options.jobs.length, writtenRecords, writtenBytes, diskBytes, leftBytes };
}

/** Makes the folder this pair's, or finds that it is. */
async function takeFolder({ folder, volumes, identity, realmId, addressee, random }: CarriedExport) {
  const bytes = await volumes.readSmall(labelFile);
  if (bytes === undefined) {
    const label: CarriedLabel = {
      realmId,
      exporterSiteId: identity.siteId,
      addresseeSiteId: addressee,
      diskId: random.bytes(16),
    };
    await volumes.writeSmall(labelFile, signLabel(label, identity));
    return label;
  }
  const { value, isSignedBy } = decodeLabel(bytes);
  if (!isSignedBy(identity.key.publicKey)) throw carriedFolderForeign(folder, 'it is the disk of another site');
  if (!equalBytes(value.addresseeSiteId, addressee)) throw carriedFolderForeign(folder, 'it is for another peer');
  if (!equalBytes(value.realmId, realmId)) throw carriedFolderForeign(folder, 'it is of another realm');
  return value;
}

/** The edition of the manifest that lies there; -1 when there is none that this site has written. */
async function previousEdition({ volumes, identity }: CarriedExport, label: CarriedLabel): Promise<number> {
  const bytes = await volumes.readSmall(manifestFile);
  if (bytes === undefined) return -1;
  try {
    const { value, isSignedBy } = decodeManifest(bytes);
    const isOurs = isSignedBy(identity.key.publicKey) && equalBytes(value.label.diskId, label.diskId);
    return isOurs ? value.edition : -1;
  } catch (error) {
    if (isAppError(error, 'carried_altered')) return -1;
    throw error;
  }
}

async function writeCatalog(options: CarriedExport, edition: number) {
  const { volumes } = options;
  const name = catalogFile(edition);
  if ((await options.names()).includes(name)) await volumes.remove(name);
  return fitting(options, 0, async () => {
    const file = await volumes.create(name);
    try {
      const written = await writeBatches(file, options.batches());
      await file.datasync();
      return written;
    } finally {
      await file.close();
    }
  });
}

interface Written {
  readonly places: PlaceSet;
  readonly records: number;
  readonly bytes: number;
  readonly leftBytes: number;
}

async function writeRecords(options: CarriedExport, label: CarriedLabel): Promise<Written> {
  const { store, jobs, signal, onProgress, folder } = options;
  let leftOpen = false;
  const onLeftOpen = () => {
    leftOpen = true;
  };
  const disk = await fitting(options, 0, () => options.openDisk(onLeftOpen));
  let written: Written;
  try {
    const plan = await planCarried(jobs, {
      store,
      disk,
      elsewhere: options.elsewhere(label.diskId),
      signal,
      onSnapshot: (name) => onProgress(`looking through ${name}`, 0),
    });
    written = await copyRecords(options, disk, plan.toWrite, plan.toWriteBytes, plan.onDisk);
  } finally {
    await disk.close();
  }
  if (leftOpen) {
    // A pack that had no room for its end: what is in it is closed by the next opening, or the disk is too full for anything.
    leftOpen = false;
    await (await fitting(options, written.leftBytes, () => options.openDisk(onLeftOpen))).close();
    if (leftOpen) throw carriedDiskFull(folder, written.leftBytes);
  }
  if (written.leftBytes > 0 && written.places.size === 0) throw carriedDiskFull(folder, written.leftBytes);
  return written;
}

/** Copies records as they lie, until the disk has no more room. */
async function copyRecords(
  { store, packs, signal, onProgress }: CarriedExport,
  disk: Store,
  toWrite: readonly RecordPlace[],
  totalBytes: number,
  places: PlaceSet,
): Promise<Written> {
  let [bytes, records, unflushed, unseen] = [0, 0, 0, 0];
  let waiting: RecordPlace[] = [];
  let failed: { readonly error: unknown } | undefined;
  const settle = async () => {
    await disk.flush();
    if (failed !== undefined) throw failed.error;
    for (const place of waiting) places.add(place);
    [bytes, records] = [bytes + unflushed, records + waiting.length];
    [waiting, unflushed] = [[], 0];
    onProgress('writing records', bytes, totalBytes);
  };
  const reserve = reserveOf(await packs.freeBytes());
  try {
    for (const place of toWrite) {
      signal.throwIfAborted();
      if (unseen === 0 || unseen >= lookEveryBytes) {
        if ((await packs.freeBytes()) - unflushed < reserve + lookEveryBytes) break;
        unseen = 0;
      }
      const record = await store.readAt(place);
      disk.append(record).catch((error: unknown) => {
        failed ??= { error };
      });
      waiting.push(place);
      unflushed += place.length;
      unseen += place.length;
      if (unflushed >= pendingBytesMax) await settle();
    }
    await settle();
  } catch (error) {
    // The system may find the disk full before the reserve is reached: a quota, or somebody else who writes there.
    if (!isAppError(error, 'volume_full')) throw error;
  }
  return { places, records, bytes, leftBytes: totalBytes - bytes };
}

/** Every pack of the disk, as it was found when it was read back: hash, records, seals. */
async function readBack(options: CarriedExport, label: CarriedLabel): Promise<CarriedPack[]> {
  const { packs, volumes, identity, signal, onProgress } = options;
  const journal = await CarriedJournal.open(volumes, identity, label.diskId);
  const files = (await packs.list()).filter(({ name }) => /^\d{6}\/\d{10}\.pack$/.test(name));
  files.sort((a, b) => (a.name < b.name ? -1 : 1));
  const totalBytes = files.reduce((sum, { bytes }) => sum + bytes, 0);
  const found: CarriedPack[] = [];
  const fresh: CarriedPack[] = [];
  let doneBytes = 0;
  for (const { name, bytes } of files) {
    signal.throwIfAborted();
    const number = Number(name.slice(7, 17));
    if (name !== carriedPackPath(number)) throw carriedFolderForeign(options.folder, `it holds "${name}"`);
    const known = journal.find(number, bytes);
    if (known === undefined) fresh.push({ number, bytes, sha256: await readPack(options, name, bytes) });
    found.push(known ?? (fresh.at(-1) as CarriedPack));
    if (fresh.length >= packsAStep) await journal.add(fresh.splice(0));
    doneBytes += bytes;
    onProgress('reading back what was written', doneBytes, totalBytes);
  }
  if (fresh.length > 0) await fitting(options, 0, () => journal.add(fresh));
  return found;
}

/** Reads a pack whole and opens every seal in it; its hash. Throws `carried_altered`. */
async function readPack({ packs, keys }: CarriedExport, name: string, bytes: number): Promise<Uint8Array> {
  const pack = await packs.readAt(name, 0, bytes);
  const entries = await packEntries(name, pack.length, async (offset, length) =>
    pack.subarray(offset, offset + length),
  );
  if (pack.length !== bytes || entries === undefined) throw carriedAltered(`${name} cannot be read back`);
  for (const entry of entries) {
    try {
      verifyRecord(keys, recordIn(pack, entry));
    } catch (cause) {
      if (isAppError(cause)) throw carriedAltered(`${name} holds a record that is not good`, cause);
      throw cause;
    }
  }
  return sha256(pack);
}

/** A disk without room for what every disk must hold. */
async function fitting<T>({ folder }: CarriedExport, leftBytes: number, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    if (isAppError(error, 'volume_full')) throw carriedDiskFull(folder, leftBytes, error);
    throw error;
  }
}

/** For people who look for a disk: the first half of its id. */
export function diskName(diskId: Uint8Array): string {
  return toHex(diskId).slice(0, 8);
}
