import type { DomainId, RecordId } from '#model';
import type { KeyBook } from '#records';
import { type FetchFromPeers, missingFrom } from '#replication';
import { isAppError, toHex } from '#runtime';
import type { Store, ScrubFinding as StoreFinding } from '#store';
import type { KnownLosses } from './known-losses.ts';
import { locateDamage, type SearchedSnapshot } from './locate-damage.ts';
import type { CheckResult, Run, ScrubFinding, ScrubResult } from './operations.ts';

export interface ScrubPorts {
  readonly store: Store;
  /** Undefined in a vault that this site lends: damage has no file names there. */
  readonly keys: () => KeyBook | undefined;
  readonly fetchFromPeers: FetchFromPeers;
  /** Everything that is complete here, newest first. */
  readonly snapshots: () => readonly SearchedSnapshot[];
  readonly losses: KnownLosses;
}

/** Reads back everything stored; names what suffers; with `heal`, fetches good copies and replaces the damaged packs. */
export async function scrub(all: readonly ScrubPorts[], heal: boolean, run: Run): Promise<ScrubResult> {
  const results: ScrubResult[] = [];
  for (const ports of all) results.push(await scrubOne(ports, heal, run));
  return {
    packs: sum(results, (result) => result.packs),
    bytes: sum(results, (result) => result.bytes),
    findings: results.flatMap((result) => result.findings),
  };
}

async function scrubOne(ports: ScrubPorts, heal: boolean, run: Run): Promise<ScrubResult> {
  const { store } = ports;
  const statistics = store.statistics();
  const found: StoreFinding[] = [];
  const onProgress = (sofar: { readonly bytesDone: number; readonly bytesTotal: number }) =>
    run.progress({ doing: 'reading back every pack', doneBytes: sofar.bytesDone, totalBytes: sofar.bytesTotal });
  for await (const finding of store.scrub({ signal: run.signal, onProgress })) found.push(finding);
  const findings: ScrubFinding[] = [];
  for (const finding of found) findings.push(await describe(ports, finding));
  for (const { pack, missing } of found) if (missing.length > 0) ports.losses.note(`pack ${pack} lost records`);
  if (heal && ports.losses.any) await fetchMissing(ports, run);
  if (!heal || found.length === 0) return { packs: statistics.packs, bytes: statistics.bytes, findings };
  const healed = await healPacks(ports, found, run);
  return {
    packs: statistics.packs,
    bytes: statistics.bytes,
    findings: findings.map((finding, i) => ({ ...finding, healed: healed.has(found[i]?.pack ?? -1) })),
  };
}

/** How everything fits together: packs, index, and each snapshot's closure, without reading contents. */
export async function checkStore(all: readonly ScrubPorts[], run: Run): Promise<CheckResult> {
  const results: CheckResult[] = [];
  for (const ports of all) results.push(await checkOne(ports, run));
  return {
    packs: sum(results, (result) => result.packs),
    records: sum(results, (result) => result.records),
    snapshots: sum(results, (result) => result.snapshots),
    findings: results.flatMap((result) => result.findings),
  };
}

async function checkOne(ports: ScrubPorts, run: Run): Promise<CheckResult> {
  const { store } = ports;
  const { packs, records } = store.statistics();
  const findings: string[] = [];
  run.progress({ doing: 'checking packs and index', doneBytes: 0 });
  for await (const { name, message } of store.checkStructure()) {
    run.signal.throwIfAborted();
    findings.push(`${name}: ${message}`);
  }
  const snapshots = ports.snapshots();
  for (const [done, { snapshotId, domainId, name }] of snapshots.entries()) {
    run.signal.throwIfAborted();
    run.progress({
      doing: `checking that ${name} is complete`,
      doneBytes: 0,
      doneItems: done,
      totalItems: snapshots.length,
    });
    // The next older one is the likeliest to share subtrees; it is checked itself in its turn.
    const base = snapshots[done + 1]?.snapshotId;
    const { length } = await missingFrom(ports.store, domainId, snapshotId, base);
    if (length > 0) findings.push(`${name}: ${length} contents are missing`);
  }
  return { packs, records, snapshots: snapshots.length, findings };
}

/** Brings back what snapshots need and no pack here holds any more: a pack that is gone leaves no damage to find. */
async function fetchMissing({ store, snapshots, fetchFromPeers, losses }: ScrubPorts, run: Run): Promise<void> {
  let complete = true;
  for (const { snapshotId, domainId, name } of snapshots()) {
    for (let lacking = await missingFrom(store, domainId, snapshotId, undefined); lacking.length > 0; ) {
      run.signal.throwIfAborted();
      run.progress({ doing: `fetching what ${name} lacks`, doneBytes: 0 });
      const nowhere = await fetchFromPeers(domainId, lacking);
      if (nowhere.length > 0) {
        complete = false;
        break;
      }
      lacking = await missingFrom(store, domainId, snapshotId, undefined);
    }
  }
  if (complete) losses.clear();
}

async function describe({ store, keys, snapshots }: ScrubPorts, finding: StoreFinding): Promise<ScrubFinding> {
  const lost = new Set(finding.missing.map(toHex));
  const book = keys();
  const affects = lost.size === 0 || book === undefined ? [] : await locateDamage(store, book, snapshots(), lost);
  return { pack: String(finding.pack), offset: finding.offset, what: finding.what, affects, healed: false };
}

/** Fetches what damage took, then replaces each damaged pack; a pack that would lose something stays as it is. */
async function healPacks(
  { store, fetchFromPeers }: ScrubPorts,
  found: readonly StoreFinding[],
  run: Run,
): Promise<ReadonlySet<number>> {
  const lacking = new Map<string, { readonly domainId: DomainId; readonly ids: RecordId[] }>();
  for (const { domainId, missing } of found) {
    if (domainId === undefined || missing.length === 0) continue;
    const known = lacking.get(toHex(domainId));
    if (known === undefined) lacking.set(toHex(domainId), { domainId, ids: [...missing] });
    else known.ids.push(...missing);
  }
  run.progress({ doing: 'fetching good copies from peers', doneBytes: 0 });
  for (const { domainId, ids } of lacking.values()) await fetchFromPeers(domainId, ids);
  const healed = new Set<number>();
  const packs = [...new Set(found.map((finding) => finding.pack))];
  for (const [done, pack] of packs.entries()) {
    run.signal.throwIfAborted();
    run.progress({ doing: `replacing pack ${pack}`, doneBytes: 0, doneItems: done, totalItems: packs.length });
    try {
      await store.repairPack(pack);
      healed.add(pack);
    } catch (error) {
      if (!isAppError(error, 'pack_holds_lost_records')) throw error;
    }
  }
  return healed;
}

function sum<T>(items: readonly T[], count: (item: T) => number): number {
  return items.reduce((total, item) => total + count(item), 0);
}
