import { type DomainId, EntryKind, type RecordId, type SnapshotId } from '#model';
import { openNode, verifyRecord } from '#records';
import { missingFrom } from '#replication';
import { equalBytes, toHex } from '#runtime';
import { decodeNode } from '#wire';
import type { Appliance } from '../../apps/sitepair/appliance/appliance.ts';
import { expectedHashes } from './content.ts';
import { keysOf } from './faults.ts';
import type { KnownSnapshot } from './ledger.ts';
import { onMachine } from './machine/machine.ts';
import type { Simulation } from './simulation.ts';
import type { SimulatedSite } from './site.ts';

/** The largest record that a simulated client makes: four chunks in a frame, and its header. */
const recordBytesMax = 8192;

/** So many promises of a disk are looked at when its site starts: the newest, and some of the others. */
const lookedAtAtStart = 12;

/** What a disk has promised is there after whatever ended the life before: in the log, complete in the store. */
export async function checkAtStart(simulation: Simulation, site: SimulatedSite): Promise<void> {
  const { appliance, life, disk } = site;
  if (appliance === undefined || site.isRotten || site.areLogsRotten || site.needsRebuild !== undefined) return;
  const promised = [...disk.promised];
  const newest = promised.slice(-lookedAtAtStart / 2);
  const others = newest.map(() => site.options.random.pick(promised));
  for (const id of new Set([...newest, ...others])) {
    const found = await onMachine(life, () => complete(appliance, id));
    simulation.count('snapshots verified at a start');
    if (found !== undefined) simulation.broken(`${site.name} has restarted, and snapshot ${id.slice(0, 8)} ${found}`);
  }
}

/** At the end: every site agrees, has what it says, and nothing is lost that a disk still has to have. */
export async function checkEverything(simulation: Simulation): Promise<void> {
  const { members } = simulation;
  for (const site of members) {
    if (!site.isRunning) simulation.broken(`${site.name} is not running although nothing has been wrong for a day`);
    if (site.needsRebuild !== undefined)
      simulation.broken(`${site.name} still needs to be rebuilt: ${site.needsRebuild}`);
  }
  const running = members.filter((site) => site.isRunning);
  const digests = running.map((site) => site.appliance?.operations.catalogDigest().digest);
  if (new Set(digests).size > 1)
    simulation.broken(`catalogs differ: ${digests.map((digest) => digest?.slice(0, 8)).join(' ')}`);
  for (const site of running) {
    checkIncarnations(simulation, site);
    checkNothingPending(simulation, site);
    await checkClaims(simulation, site);
  }
  for (const snapshot of simulation.ledger.surviving()) {
    for (const site of running)
      if (!knows(site.appliance, snapshot.id))
        simulation.broken(`${site.name} has forgotten ${snapshot.id.slice(0, 8)} of ${snapshot.site}`);
  }
}

/** What a receiver has durably is not sent to it again, acknowledged or not: it does not ask for it. */
export function checkSentAgain(simulation: Simulation): void {
  for (const { name, sentAgainBytes, sessionsCut, livesEnded } of simulation.sites) {
    simulation.count('bytes sent again', sentAgainBytes);
    simulation.count('sessions cut', sessionsCut + livesEnded);
    // Of two senders at once each may have been asked for what both have: only pairs are held to it. A client may send
    // what a peer is just sending, too.
    if (simulation.sites.length === 2 && sentAgainBytes > 2 * recordBytesMax)
      simulation.broken(`${name} got ${sentAgainBytes} bytes again that it had`);
  }
}

/** Who was removed has no key that was made after it. */
export function checkRemoved(simulation: Simulation): void {
  for (const site of simulation.sites) {
    for (const key of keysOf(site)) {
      if (site.forbiddenKeys.has(key)) simulation.broken(`${site.name} was removed and has got the new key ${key}`);
    }
  }
}

function checkIncarnations(simulation: Simulation, site: SimulatedSite): void {
  for (const problem of site.appliance?.catalog.problems() ?? []) {
    const isOpen = problem.kind === 'incarnation_needed' || (problem.kind === 'forked' && !problem.settled);
    const isRemovedOnes = 'siteId' in problem && problem.siteId !== undefined && isRemoved(simulation, problem.siteId);
    if (isOpen && !isRemovedOnes) simulation.broken(`${site.name} says: ${JSON.stringify(problem)}`);
  }
}

function isRemoved(simulation: Simulation, siteId: Uint8Array): boolean {
  return simulation.sites.some((site) => site.isRemoved && site.siteId === toHex(siteId));
}

/** After a quiet day, no peer lacks what this site has. */
function checkNothingPending(simulation: Simulation, site: SimulatedSite): void {
  const { appliance } = site;
  for (const peer of appliance?.peers.paired() ?? []) {
    if (!peer.joined || isRemoved(simulation, peer.siteId)) continue;
    const pending = appliance?.book.pendingFor(peer.siteId, undefined) ?? [];
    if (pending.length > 0)
      simulation.broken(
        `${site.name} still has ${pending.length} snapshots that ${peer.name} lacks: ${pending[0]?.name}`,
      );
  }
}

/** Everything that a site says it holds is there, byte for byte. */
async function checkClaims(simulation: Simulation, site: SimulatedSite): Promise<void> {
  const { appliance, life, disk } = site;
  if (appliance === undefined) return;
  const good = new Set<string>();
  const claimed = new Set(appliance.book.allHeld().map(({ snapshotId }) => toHex(snapshotId)));
  for (const id of disk.promised)
    if (!claimed.has(id))
      simulation.broken(`${site.name} has promised ${id.slice(0, 8)} and does not list it any more`);
  for (const id of claimed) {
    const snapshot = simulation.ledger.snapshots.get(id);
    const found = await onMachine(life, () =>
      snapshot === undefined ? complete(appliance, id) : compare(appliance, snapshot, good),
    );
    simulation.count('snapshots verified at the end');
    if (found !== undefined) simulation.broken(`${site.name} says that it holds ${id.slice(0, 8)}, which ${found}`);
  }
}

function knows(appliance: Appliance | undefined, id: string): boolean {
  return appliance !== undefined && appliance.catalog.views.snapshotsById(id, 1).length > 0;
}

/** Undefined when the snapshot is known and complete here; else what is wrong, for a sentence. */
async function complete(appliance: Appliance, id: string): Promise<string | undefined> {
  const [snapshot] = appliance.catalog.views.snapshotsById(id, 1);
  if (snapshot === undefined) return 'is not in its catalog';
  const missing = await missingFrom(appliance.store, snapshot.domainId, snapshot.snapshotId, undefined);
  return missing.length > 0 ? `lacks ${missing.length} contents` : undefined;
}

/** Reads everything that a snapshot consists of, and compares it with what the client had. `good`: records already read. */
async function compare(appliance: Appliance, snapshot: KnownSnapshot, good: Set<string>): Promise<string | undefined> {
  const missing = await complete(appliance, snapshot.id);
  if (missing !== undefined) return missing;
  const [view] = appliance.catalog.views.snapshotsById(snapshot.id, 1);
  if (view === undefined) return 'is not in its catalog';
  const { store, keys } = appliance;
  const { domainId } = view;
  const namer = keys.book.namer(domainId);
  const manifest = await nodeOf(appliance, domainId, view.snapshotId);
  if (manifest?.type !== 'manifest') return 'has no manifest';
  const found = new Map<string, string>();
  const walk = async (hash: Uint8Array, path: string): Promise<void> => {
    const node = await nodeOf(appliance, domainId, namer.name('node', hash as never));
    if (node?.type !== 'directory') throw new Error(`no folder at ${path}`);
    for (const entry of node.directory.entries) {
      const name = path + Buffer.from(entry.name).toString();
      if (entry.kind === EntryKind.directory) await walk(entry.directoryHash, `${name}/`);
      else found.set(name, entry.extents.map(({ chunkHash }) => toHex(chunkHash)).join());
    }
  };
  await walk(manifest.manifest.root.directoryHash, '');
  if (found.size !== snapshot.files.size) return `has ${found.size} files instead of ${snapshot.files.size}`;
  for (const [path, content] of snapshot.files) {
    const hashes = expectedHashes(content);
    if (found.get(path) !== hashes.join()) return `has another content in ${path}`;
    for (const hash of hashes) {
      if (good.has(hash)) continue;
      const id = namer.name('leaf', Buffer.from(hash, 'hex') as never);
      const record = await store.read(domainId, id);
      if (record === undefined || !record.ids.some((one) => equalBytes(one, id))) return `lacks a chunk of ${path}`;
      verifyRecord(keys.book, record);
      good.add(hash);
    }
  }
  return undefined;
}

async function nodeOf({ store, keys }: Appliance, domainId: DomainId, id: RecordId | SnapshotId) {
  const record = await store.read(domainId, id as RecordId);
  if (record === undefined) return undefined;
  verifyRecord(keys.book, record);
  return decodeNode(openNode(keys.book, record).payload);
}
