import type { SiteId } from '#model';
import { type KeyBook, verifyRecord } from '#records';
import { AppError, equalBytes, isAppError, type Timers, toHex } from '#runtime';
import { packEntries, recordIn } from '#store';
import { type RecordView, sha256 } from '#wire';
import { Ingest } from '../ingest.ts';
import type { RecordStore } from '../ports.ts';
import { missingFrom } from '../prove-closure.ts';
import type { CopyBook, OfferedSnapshot } from '../receive-snapshots.ts';
import { readBatches } from './carried-catalog.ts';
import { carriedAltered, carriedMisdirected, carriedStranger, carriedUnfinished } from './carried-errors.ts';
import { type CarriedSource, carriedPackPath, catalogFile, manifestFile, packsFolder } from './carried-folder.ts';
import { type CarriedManifest, type CarriedPack, decodeManifest, manifestBytesMax } from './carried-manifest.ts';

/** The part of this site that an exporter has to do with: its own realm, or the vault lent to the exporter's. */
export interface CarriedReceiver {
  readonly store: RecordStore;
  /** Undefined at a blind peer. */
  readonly keys: KeyBook | undefined;
  readonly copies: CopyBook;
  readonly acceptsRealm: (realmId: Uint8Array) => boolean;
  /** Takes batches as from a link. */
  readonly accept: (batches: readonly Uint8Array[]) => Promise<unknown>;
}

export interface CarriedImport {
  readonly source: CarriedSource;
  readonly siteId: SiteId;
  /** Keys by which this site knows a peer; none when it is no peer. */
  readonly keysOf: (siteId: SiteId) => readonly Uint8Array[];
  readonly receiver: (exporter: SiteId) => Promise<CarriedReceiver>;
  readonly timers: Timers;
  readonly windowBytes: number;
  readonly signal: AbortSignal;
  readonly onProgress: (doing: string, doneBytes: number, totalBytes?: number) => void;
}

export interface CarriedImportResult {
  readonly exporter: SiteId;
  readonly diskId: Uint8Array;
  readonly snapshots: readonly OfferedSnapshot[];
  readonly alreadyHeld: number;
  /** Not whole yet: another disk has the rest, or the link brings it. `missing` counts to 4096. */
  readonly incomplete: readonly { readonly snapshot: OfferedSnapshot; readonly missing: number }[];
  readonly takenRecords: number;
  readonly takenBytes: number;
}

/** What of a manifest that was verified is still to be done. */
interface Work {
  readonly options: CarriedImport;
  readonly receiver: CarriedReceiver;
  readonly manifest: CarriedManifest;
}

/**
 * Takes a disk: manifest verified -> catalog -> packs verified and stored -> closures proved -> copies logged (CARRIED.md
 * section 3). Nothing is believed for lying there. Cut off at any point, a second call goes on with the first pack that
 * is not here. Throws `carried_altered` after everything that was good has been taken.
 */
export async function importCarried(options: CarriedImport): Promise<CarriedImportResult> {
  const { source, onProgress } = options;
  const manifest = await readManifest(options);
  const { exporterSiteId: exporter, diskId } = manifest.label;
  const receiver = await options.receiver(exporter);
  if (!receiver.acceptsRealm(manifest.label.realmId)) throw carriedMisdirected('it is of another realm');
  const work = { options, receiver, manifest };
  onProgress('reading the catalog', 0);
  const file = catalogFile(manifest.edition);
  for await (const batches of readBatches(source, file, manifest.catalogBytes, manifest.catalogSha256)) {
    options.signal.throwIfAborted();
    await receiver.accept(batches);
  }
  const offered = manifest.snapshots.map((one): OfferedSnapshot => ({ ...one, baseCandidates: [] }));
  const lacking = offered.filter(({ snapshotId }) => !receiver.copies.holds(snapshotId));
  for (const one of lacking) checkKnown(receiver, exporter, one);
  const taken = lacking.length === 0 ? nothingTaken : await takePacks(work);
  const { proved, incomplete } = await proveAll(work, lacking);
  if (taken.altered.length > 0) throw partlyAltered(taken.altered, proved.length, incomplete.length);
  const { records: takenRecords, bytes: takenBytes } = taken;
  const alreadyHeld = offered.length - lacking.length;
  return { exporter, diskId, snapshots: proved, alreadyHeld, incomplete, takenRecords, takenBytes };
}

/** What the logs on the disk do not say is not taken from its manifest. */
function checkKnown({ copies }: CarriedReceiver, exporter: SiteId, offered: OfferedSnapshot): void {
  try {
    copies.checkOffer(exporter, offered);
  } catch (cause) {
    if (isAppError(cause, 'snapshot_unknown'))
      throw carriedAltered('it lists a snapshot that its catalog does not know', cause);
    throw cause;
  }
}

async function readManifest({ source, siteId, keysOf }: CarriedImport): Promise<CarriedManifest> {
  const size = await source.size(manifestFile);
  if (size === undefined) throw carriedUnfinished(source.name);
  if (size > manifestBytesMax) throw carriedAltered('its manifest is larger than any');
  const { value, isSignedBy } = decodeManifest(await source.read(manifestFile, 0, size));
  const { exporterSiteId, addresseeSiteId } = value.label;
  const keys = keysOf(exporterSiteId);
  if (equalBytes(exporterSiteId, siteId)) throw carriedMisdirected('this site has written it itself, for a peer');
  if (keys.length === 0) throw carriedStranger('this site does not know who wrote it');
  if (!keys.some((key) => isSignedBy(key))) throw carriedStranger('its signature is not of the site that it names');
  if (!equalBytes(addresseeSiteId, siteId)) throw carriedMisdirected('it was written for another site');
  return value;
}

interface Taken {
  records: number;
  bytes: number;
  readonly altered: AppError[];
}

const nothingTaken: Taken = { records: 0, bytes: 0, altered: [] };

async function takePacks(work: Work): Promise<Taken> {
  const { options, receiver, manifest } = work;
  const taken: Taken = { records: 0, bytes: 0, altered: [] };
  const totalBytes = manifest.packs.reduce((sum, { bytes }) => sum + bytes, 0);
  let [doneBytes, sequence] = [0, 0];
  let failure: { readonly error: unknown } | undefined;
  const onFailure = (error: unknown) => {
    failure ??= { error };
  };
  const ingest = new Ingest(receiver.store, options.timers, () => undefined, onFailure);
  try {
    for (const pack of manifest.packs) {
      options.signal.throwIfAborted();
      for (const record of await recordsToTake(work, pack, taken.altered)) {
        await ingest.room(options.windowBytes);
        if (failure !== undefined) throw failure.error;
        ingest.take(sequence++, record);
        taken.records += 1;
        taken.bytes += record.bytes.length;
      }
      doneBytes += pack.bytes;
      options.onProgress('taking records', doneBytes, totalBytes);
    }
    await ingest.drain();
    // What the link was bringing meanwhile was left to it: that, too, is durable before anything is proved.
    await receiver.store.flush();
  } finally {
    ingest.dispose();
  }
  return taken;
}

/** The records of a pack that are not here, all of them verified; none of a pack that is not as it was written, which is noted. */
async function recordsToTake(work: Work, pack: CarriedPack, altered: AppError[]): Promise<RecordView[]> {
  try {
    return (await isHere(work, pack)) ? [] : await verifiedRecords(work, pack);
  } catch (error) {
    if (!isAppError(error, 'carried_altered')) throw error;
    altered.push(error);
    return [];
  }
}

/** By its footer alone, which nobody has verified: all that a lie here does is that something is not taken. */
async function isHere({ options, receiver }: Work, { number, bytes }: CarriedPack): Promise<boolean> {
  const path = pathOf(number);
  if ((await options.source.size(path)) !== bytes) throw carriedAltered(`pack ${number} is missing or of another size`);
  const entries = await withWords(number, () =>
    packEntries(path, bytes, (offset, length) => options.source.read(path, offset, length)),
  );
  if (entries === undefined) return false;
  for (const { domainId, ids } of entries) {
    const places = await receiver.store.locateMany(domainId, ids);
    if (places.includes(undefined)) return false;
  }
  return true;
}

/** Read once: what is hashed is what is used. */
async function verifiedRecords(
  { options, receiver, manifest }: Work,
  { number, bytes, sha256: expected }: CarriedPack,
) {
  const path = pathOf(number);
  const pack = await options.source.read(path, 0, bytes);
  if (!equalBytes(sha256(pack), expected)) throw carriedAltered(`pack ${number} is not what it was`);
  const domains = new Set(manifest.snapshots.map(({ domainId }) => toHex(domainId)));
  return withWords(number, async () => {
    const entries = await packEntries(path, pack.length, async (offset, length) =>
      pack.subarray(offset, offset + length),
    );
    if (entries === undefined) throw carriedAltered(`pack ${number} cannot be read`);
    const records: RecordView[] = [];
    for (const entry of entries) {
      const record = recordIn(pack, entry);
      if (!domains.has(toHex(record.domainId))) throw carriedAltered(`pack ${number} has a record of another domain`);
      if (receiver.keys !== undefined) verifyRecord(receiver.keys, record);
      const { domainId, ids } = record;
      const places = await receiver.store.locateMany(domainId, ids);
      const isComing = ids.every((id, i) => places[i] !== undefined || receiver.store.isPending(domainId, id));
      if (!isComing) records.push(record);
    }
    return records;
  });
}

async function withWords<T>(number: number, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    const isDamage = isAppError(cause, 'record_damaged') || isAppError(cause, 'pack_altered');
    if (isDamage) throw carriedAltered(`pack ${number} holds a record that is not good`, cause);
    throw cause;
  }
}

/** Oldest first, each against the one before it, so that a thousand of them cost their changes. */
async function proveAll({ options, receiver }: Work, lacking: readonly OfferedSnapshot[]) {
  const { copies, store } = receiver;
  const proved: OfferedSnapshot[] = [];
  const incomplete: { snapshot: OfferedSnapshot; missing: number }[] = [];
  const newest = new Map<string, OfferedSnapshot>();
  for (const [i, snapshot] of lacking.entries()) {
    options.onProgress(`proving snapshot ${i + 1} of ${lacking.length}`, 0);
    const key = toHex(snapshot.datasetId) + toHex(snapshot.domainId);
    const before = newest.get(key)?.snapshotId;
    const base = before !== undefined && copies.mayBeBase(before) ? before : undefined;
    const { signal } = options;
    const missing = await missingFrom(store, snapshot.domainId, snapshot.snapshotId, base, { signal });
    if (missing.length > 0) incomplete.push({ snapshot, missing: missing.length });
    else {
      await copies.recordCopy(snapshot);
      newest.set(key, snapshot);
      proved.push(snapshot);
    }
  }
  return { proved, incomplete };
}

function pathOf(number: number): string {
  return `${packsFolder}/${carriedPackPath(number)}`;
}

function partlyAltered(altered: readonly AppError[], proved: number, incomplete: number): AppError {
  const first = altered[0]?.message ?? '';
  const more = altered.length > 1 ? ` (and ${altered.length - 1} more)` : '';
  return new AppError(`${first}${more}; ${proved} snapshots came whole, ${incomplete} did not`, {
    code: 'carried_altered',
    advice: altered[0]?.advice ?? '',
    details: { packs: altered.slice(0, 100).map(({ message }) => message), proved, incomplete },
    cause: altered[0],
  });
}
