/**
 * The parts that bulk bytes pass through, one at a time and in this process: store, index, chunker, hash, seal and
 * compression. Usage: node test/bench/store.ts [--runs N] [--quick].
 */
import { randomBytes } from 'node:crypto';
import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { Chunker } from '#chunker';
import { contentHash, xaesOpen, xaesSeal } from '#keys';
import { asId, type RecordId } from '#model';
import { compressBody, decompressBody } from '#records';
import { assert, systemClock, systemRandom, systemTimers } from '#runtime';
import { Store } from '#store';
import { FolderVolumes } from '#targets/folder';
import { flushToDisk } from './measure/flush-to-disk.ts';
import { benchOptions } from './measure/options.ts';
import { formatNumber, machineLine, markdownTable, median, say } from './measure/report.ts';
import { SampleRecords, sampleDomain } from './measure/sample-records.ts';
import { sourceText } from './measure/trees.ts';
import { Workspace } from './measure/workspace.ts';

const { quick, runs } = benchOptions('node test/bench/store.ts [--runs N] [--quick]', 3);
const mebibyte = 1_048_576;
const large = new SampleRecords(quick ? 64 : 1024, mebibyte);
const small = new SampleRecords(quick ? 20_000 : 500_000, 200);
/** What a receiver leaves unacknowledged at most, and what it asks of the index at once. */
const windowBytes = 64 * mebibyte;
const batchIds = 4096;
const memoryBytes = (quick ? 64 : 1024) * mebibyte;

const results = new Map<string, number[]>();
using workspace = new Workspace(
  'store',
  runs * 2 * (large.count * large.recordBytes + 2 * small.count * small.recordBytes),
);
for (let run = 0; run < runs; run++) {
  const folder = workspace.folder(`run-${run}`);
  say(`run ${run + 1} of ${runs}: disk`);
  writePlain(join(folder, 'plain'));
  await storeLarge(workspace.folder(folder, 'large'));
  say(`run ${run + 1} of ${runs}: index of ${small.count} ids`);
  await storeSmall(workspace.folder(folder, 'small'));
  say(`run ${run + 1} of ${runs}: processor`);
  await throughProcessor();
}
const rows = [...results].map(([what, values]) => [what, formatNumber(median(values))]);
console.log(markdownTable(['median', ''], rows));
console.log(`\nRuns: ${runs}. One thread, but for the pool that zstd, reads and syncs run in. ${machineLine()}.`);

/** What the disk does by itself: groups as the store commits them. */
function writePlain(path: string): void {
  const group = randomBytes(16 * mebibyte);
  const totalBytes = large.count * mebibyte;
  flushToDisk();
  const file = openSync(path, 'w');
  measure('file: write and fdatasync, 16 MiB at a time, MB/s', totalBytes / 1e6, () => {
    for (let done = 0; done < totalBytes; done += group.length) {
      writeSync(file, group);
      fdatasyncSync(file);
    }
  });
  closeSync(file);
}

async function storeLarge(folder: string): Promise<void> {
  await using volumes = await openVolumes(folder);
  await using store = await openStore(volumes.volumes, folder);
  flushToDisk();
  const megabytes = (large.count * large.recordBytes) / 1e6;
  // A hash of it is part of making a record, and is not the store's work.
  const records = Array.from({ length: Math.min(large.count, 64) }, (_, i) => large.make(i));
  await measureAsync('store: append records of 1 MiB, checked and synced, MB/s', megabytes, () =>
    appendAll(store, large.count, (i) => records[i % records.length]!),
  );
  await measureAsync('store: read them back, checked, MB/s', megabytes, async () => {
    for (let i = 0; i < large.count; i++) {
      assert(
        (await store.read(sampleDomain, large.idAt(i % records.length))) !== undefined,
        'a record that was stored',
      );
    }
  });
}

async function storeSmall(folder: string): Promise<void> {
  await using volumes = await openVolumes(folder);
  const { count } = small;
  const first = await openStore(volumes.volumes, folder);
  flushToDisk();
  await measureAsync('store: make and append records of 300 B, thousand/s', count / 1000, () =>
    appendAll(first, count, (i) => small.make(i)),
  );
  await measureAsync('store: close, with what the index lacks, s', undefined, () => first.close());
  let store: Store | undefined;
  await measureAsync(`store: open with ${count} records, s`, undefined, async () => {
    store = await openStore(volumes.volumes, folder);
  });
  assert(store !== undefined, 'the store is open');
  await lookUp(store, `store: look up ids that are there, ${batchIds} at once, thousand/s`, (i) => small.idAt(i), true);
  await lookUp(
    store,
    `store: look up ids that are not, thousand/s`,
    () => asId('RecordId', systemRandom.bytes(20)),
    false,
  );
  await store.close();
  rmSync(join(folder, 'index'), { recursive: true });
  await measureAsync('store: open without its index, which is made anew, s', undefined, async () => {
    store = await openStore(volumes.volumes, folder);
  });
  await store.close();
}

async function lookUp(store: Store, what: string, idAt: (index: number) => RecordId, there: boolean): Promise<void> {
  const count = Math.min(small.count, 100_000);
  // In no order: content comes as the files have it, ids are chance.
  const stride = 7919;
  const batches: RecordId[][] = [];
  for (let start = 0; start < count; start += batchIds) {
    batches.push(
      Array.from({ length: Math.min(batchIds, count - start) }, (_, i) => idAt(((start + i) * stride) % small.count)),
    );
  }
  await measureAsync(what, count / 1000, async () => {
    for (const batch of batches)
      assert(
        (await store.has(sampleDomain, batch)).every((has) => has === there),
        what,
      );
  });
}

/** Appends as a receiver does: not more than a window waits for the disk. */
async function appendAll(store: Store, count: number, recordAt: (index: number) => Uint8Array): Promise<void> {
  const waiting: { readonly bytes: number; readonly durable: Promise<void> }[] = [];
  let waitingBytes = 0;
  // An index, since shift() moves all that wait.
  let oldest = 0;
  for (let i = 0; i < count; i++) {
    const record = recordAt(i);
    waiting.push({ bytes: record.length, durable: store.append(record) });
    waitingBytes += record.length;
    while (waitingBytes > windowBytes) {
      const { bytes, durable } = waiting[oldest++]!;
      await durable;
      waitingBytes -= bytes;
    }
  }
  await store.flush();
}

async function throughProcessor(): Promise<void> {
  const random = randomBytes(8 * mebibyte);
  const gigabytes = memoryBytes / 1e9;
  const times = memoryBytes / random.length;
  const chunker = Chunker.create(randomBytes(32));
  chunker.input.set(random);
  measure('chunker: random content, GB/s', gigabytes, () => {
    for (let i = 0; i < times; i++) {
      for (let start = 0; start < random.length; ) start = chunker.findCut(start, random.length, true);
    }
  });
  const piece = random.subarray(0, mebibyte);
  const pieces = memoryBytes / piece.length;
  measure('SHA-256: chunks of 384 KiB, GB/s', gigabytes, () => {
    for (let done = 0; done < memoryBytes; done += 393_216) contentHash(random.subarray(0, 393_216));
  });
  const [key, nonce] = [randomBytes(32), randomBytes(24)];
  measure('XAES: seal 1 MiB, GB/s', gigabytes, () => {
    for (let i = 0; i < pieces; i++) xaesSeal(key, nonce, piece);
  });
  const sealed = xaesSeal(key, nonce, piece);
  measure('XAES: open 1 MiB, GB/s', gigabytes, () => {
    for (let i = 0; i < pieces; i++) xaesOpen(key, nonce, sealed);
  });
  const page = random.subarray(0, 4096);
  measure('XAES: seal 4 KiB, thousand/s', memoryBytes / 4096 / 16 / 1000, () => {
    for (let done = 0; done < memoryBytes / 16; done += page.length) xaesSeal(key, nonce, page);
  });
  const text = sourceText(mebibyte);
  const textTimes = memoryBytes / mebibyte / 16;
  const body = await compressBody(text);
  await measureAsync('zstd level 3: source text, 1 MiB at a time, MB/s', (textTimes * text.length) / 1e6, async () => {
    for (let i = 0; i < textTimes; i++) await compressBody(text);
  });
  measure('zstd: decompress it, MB/s', (textTimes * text.length) / 1e6, () => {
    for (let i = 0; i < textTimes; i++) decompressBody(body, text.length);
  });
}

async function openVolumes(folder: string) {
  const volumes = await FolderVolumes.open(join(folder, 'packs'));
  return { volumes, [Symbol.asyncDispose]: () => volumes.close() };
}

function openStore(volumes: FolderVolumes, folder: string): Promise<Store> {
  const [realmId, siteId] = [asId('RealmId', new Uint8Array(16).fill(1)), asId('SiteId', new Uint8Array(16).fill(2))];
  const ground = { random: systemRandom, clock: systemClock, timers: systemTimers };
  const onNotice = ({ code, message }: { readonly code: string; readonly message: string }) =>
    say(`${code}: ${message}`);
  return Store.open({ volumes, indexFolder: join(folder, 'index'), realmId, siteId, ...ground, onNotice });
}

/** Notes `amount` a second, or the seconds when there is no amount. */
function measure(what: string, amount: number, work: () => void): void {
  const startedMs = performance.now();
  work();
  note(what, amount, startedMs);
}

async function measureAsync(what: string, amount: number | undefined, work: () => Promise<void>): Promise<void> {
  const startedMs = performance.now();
  await work();
  note(what, amount, startedMs);
}

function note(what: string, amount: number | undefined, startedMs: number): void {
  const seconds = (performance.now() - startedMs) / 1000;
  const values = results.get(what) ?? [];
  values.push(amount === undefined ? seconds : amount / seconds);
  results.set(what, values);
}
