import { closeSync, fsyncSync, openSync, readdirSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { asId } from '#model';
import { equalBytes, systemClock, systemRandom, systemTimers } from '#runtime';
import { Store, type StoreNotice } from '#store';
import { FolderVolumes } from '#targets/folder';
import { idOf, makeRecord, recordDomain } from './make-record.ts';
import type { Scenario } from './scenario.ts';

const realmId = asId('RealmId', new Uint8Array(16).fill(1));
const siteId = asId('SiteId', new Uint8Array(16).fill(2));
/** What tells of a loss; anything else that a start says is about its own work. */
const lossCodes: ReadonlySet<StoreNotice['code']> = new Set(['pack_damaged', 'pack_missing', 'pack_unreadable']);

async function open(root: string, notices: StoreNotice[]) {
  const volumes = await FolderVolumes.open(join(root, 'site', 'packs'));
  const store = await Store.open({
    volumes,
    indexFolder: join(root, 'site', 'index'),
    realmId,
    siteId,
    random: systemRandom,
    clock: systemClock,
    timers: systemTimers,
    onNotice: (notice) => notices.push(notice),
    limits: { packBytes: 24_000, groupBytes: 9000, commitDelayMs: 2, recentIdsMax: 16 },
  });
  return {
    store,
    async [Symbol.asyncDispose]() {
      await store.close();
      await volumes.close();
    },
  };
}

/** Appends records `from` to `to` a few at a time, as a session does; tells of each when it is durable. */
async function append(store: Store, from: number, to: number, tell: (word: string) => void): Promise<void> {
  for (let at = from; at < to; ) {
    const batch = Array.from({ length: Math.min(1 + (at % 5), to - at) }, (_, i) => at + i);
    at += batch.length;
    const stored = batch.map(async (number) => {
      await store.append(makeRecord(number));
      tell(`record ${number}`);
    });
    if (at % 3 !== 0) await Promise.all(stored);
    else await Promise.all([...stored, store.flush()]);
  }
}

/** Rot: one byte in the middle of the first closed pack, on the disk at once. */
function spoil(root: string): void {
  const folder = join(root, 'site', 'packs', '000000');
  const [pack = ''] = readdirSync(folder).filter((name) => name.endsWith('.pack'));
  const file = openSync(join(folder, pack), 'r+');
  const byte = Buffer.alloc(1);
  readSync(file, byte, 0, 1, 200);
  byte[0] = (byte[0] ?? 0) ^ 0x10;
  writeSync(file, byte, 0, 1, 200);
  fsyncSync(file);
  closeSync(file);
}

async function heal(store: Store): Promise<void> {
  const packs = new Set<number>();
  for await (const { pack } of store.scrub()) packs.add(pack);
  for (const number of recordsOf(0, 40)) {
    if (!(await reads(store, number))) await Promise.all([store.append(makeRecord(number)), store.flush()]);
  }
  for (const pack of packs) await store.repairPack(pack);
}

function recordsOf(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

async function reads(store: Store, number: number): Promise<boolean> {
  try {
    const record = await store.read(recordDomain, idOf(number, 0));
    return record !== undefined && equalBytes(record.bytes, makeRecord(number));
  } catch {
    return false;
  }
}

/** Appends what the store does not hold yet of its first records, and ends it without closing anything. */
export async function appendSome(root: string, count: number, tell: (word: string) => void): Promise<void> {
  const { store } = await open(root, []);
  for (const number of recordsOf(0, count)) {
    if (await reads(store, number)) continue;
    await Promise.all([store.append(makeRecord(number)), store.flush()]);
    tell(`record ${number}`);
  }
}

/** Opens a store and closes it again; numbers of the records that it holds, of the first `count`. */
export async function readableRecords(root: string, count: number): Promise<number[]> {
  await using opened = await open(root, []);
  const numbers: number[] = [];
  for (const number of recordsOf(0, count)) if (await reads(opened.store, number)) numbers.push(number);
  return numbers;
}

/** A store with small packs through three lives: appends, packs that fill up, a new index, rot that is healed. */
export const storeScenario: Scenario = {
  name: 'store',
  async run(root, tell) {
    {
      await using first = await open(root, []);
      tell('opened');
      await append(first.store, 0, 40, tell);
      await first.store.reindex();
      await append(first.store, 40, 55, tell);
    }
    tell('spoiling');
    spoil(root);
    tell('spoilt');
    {
      await using second = await open(root, []);
      await append(second.store, 55, 60, tell);
      await heal(second.store);
      tell('healed');
      await append(second.store, 60, 75, tell);
    }
    tell('closed');
    await using third = await open(root, []);
    await append(third.store, 75, 80, tell);
  },

  async verify(root, words, thorough) {
    const rotten = words.includes('spoiling') && !words.includes('healed');
    const notices: StoreNotice[] = [];
    const problems: string[] = [];
    {
      await using opened = await open(root, notices);
      const { store } = opened;
      for (const word of words) {
        const number = /^record (\d+)$/.exec(word)?.[1];
        if (number === undefined || (rotten && Number(number) < 40)) continue;
        if (!(await reads(store, Number(number)))) problems.push(`${word} was acknowledged and is gone`);
      }
      const lost = notices.filter(({ code }) => lossCodes.has(code));
      if (!rotten) {
        problems.push(...lost.map(({ message }) => `the start tells: ${message}`));
        for await (const { name, message } of store.checkStructure()) problems.push(`check: ${name}: ${message}`);
        for await (const { what, pack, offset } of store.scrub())
          problems.push(`scrub: ${what} in ${pack} at ${offset}`);
      }
      await Promise.all([store.append(makeRecord(1000)), store.flush()]);
      if (!(await reads(store, 1000))) problems.push('what is appended after the start cannot be read');
    }
    if (rotten || (!thorough && problems.length === 0)) return problems;
    const again: StoreNotice[] = [];
    await using reopened = await open(root, again);
    problems.push(...again.map(({ message }) => `the start after that tells: ${message}`));
    if (!(await reads(reopened.store, 1000))) problems.push('what the first start took is gone after the second');
    return problems;
  },
};
