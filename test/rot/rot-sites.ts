import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, linkSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { closeFd, currentFolder, mknodAt, openAt, openFlag, setXattr } from '#posix';
import { systemTimers } from '#runtime';
import { initialise } from '../../apps/sitepair/appliance/initialise.ts';
import { InProcessSite } from './in-process-site.ts';

/** Two paired sites that hold one tree, as they lie on disk after they were closed; and an older state of the first. */
export interface RotSites {
  readonly tree: string;
  readonly north: string;
  readonly south: string;
  /** North before its last backup and its last key. */
  readonly older: string;
  /** Id of the newest snapshot. */
  readonly snapshot: string;
}

const bytesOf = (name: string, length: number) =>
  createHash('shake128', { outputLength: length }).update(name).digest();

/** A small tree with every kind of file that a backup keeps. */
function makeTree(tree: string): void {
  mkdirSync(join(tree, 'folder', 'deep', 'deeper'), { recursive: true });
  mkdirSync(join(tree, 'empty folder'));
  writeFileSync(join(tree, 'empty'), '');
  writeFileSync(join(tree, 'ledger.txt'), 'what we own and owe\n'.repeat(2000));
  writeFileSync(join(tree, 'large.bin'), bytesOf('large', 900_000));
  writeFileSync(join(tree, 'zeros'), Buffer.alloc(300_000));
  writeFileSync(join(tree, 'folder', 'deep', 'deeper', 'bottom'), 'down here');
  for (let i = 0; i < 30; i++) writeFileSync(join(tree, 'folder', `small-${i}`), bytesOf(`small ${i}`, 50 + 40 * i));
  linkSync(join(tree, 'ledger.txt'), join(tree, 'folder', 'second name'));
  symlinkSync('../ledger.txt', join(tree, 'folder', 'symlink'));
  const top = openAt(currentFolder, Buffer.from(tree), openFlag.read | openFlag.directory);
  mknodAt(top, Buffer.from('fifo'), 'fifo', 0o640);
  setXattr({ dirFd: top, name: Buffer.from('ledger.txt') }, Buffer.from('user.note'), Buffer.from('a note'));
  closeFd(top);
}

export async function makeRotSites(root: string): Promise<RotSites> {
  const [tree, north, south, older] = ['tree', 'north', 'south', 'older'].map((name) => join(root, name)) as [
    string,
    string,
    string,
    string,
  ];
  makeTree(tree);
  await initialise({ state: north, siteName: 'north', address: 'here' });
  await initialise({ state: south, siteName: 'south', address: 'there' });
  {
    await using a = await InProcessSite.open(north);
    await using b = await InProcessSite.open(south);
    await a.backUp(tree, 'books');
    await pair(a, b);
    await bring(a, 1);
  }
  let snapshot: string;
  cpSync(north, older, { recursive: true });
  writeFileSync(join(tree, 'folder', 'added later'), bytesOf('later', 20_000));
  {
    await using a = await InProcessSite.open(north);
    await using b = await InProcessSite.open(south);
    await link(a, b);
    await a.appliance.operations.keyRotate();
    await a.appliance.operations.agentInvite({ name: 'laptop', addresses: ['127.0.0.1:1'] });
    await a.backUp(tree, 'books');
    await bring(a, 2);
    await until(() => a.appliance.operations.catalogDigest().digest === b.appliance.operations.catalogDigest().digest);
    a.appliance.losses.note('a loss of a test');
    a.appliance.shapingFile.put({ limits: { 'all up': { bytesPerSecond: 1e9, windows: [] } }, classes: {} });
    a.appliance.health.history.add(b.appliance.identity.siteId, 1_800_000_000, { sentBytes: 1 });
    snapshot = a.appliance.operations.snapshot({ reference: 'north/books@latest' }).id;
  }
  return { tree, north, south, older, snapshot };
}

async function pair(a: InProcessSite, b: InProcessSite): Promise<void> {
  await a.appliance.listen('127.0.0.1:0');
  await b.appliance.listen('127.0.0.1:0');
  const { code } = await a.appliance.operations.pairInvite({ addresses: [], role: 'full' });
  const { peer } = await b.appliance.operations.pairAccept({ code });
  await b.appliance.operations.pairConfirm({ peer });
  await a.appliance.operations.pairConfirm({ peer: 'south' });
  await until(() => [a, b].every(isLinked));
}

/** Brings two paired sites together again, wherever they listen now. */
export async function link(a: InProcessSite, b: InProcessSite): Promise<void> {
  await b.appliance.listen('127.0.0.1:0');
  await b.appliance.start();
  await a.appliance.operations.pairSetAddresses({ peer: 'south', addresses: [...b.appliance.listening] });
  await until(() => [a, b].every(isLinked));
}

function isLinked(site: InProcessSite): boolean {
  const [view] = site.appliance.operations.pairList();
  return view?.state === 'paired' && view.link === 'up' && site.appliance.peers.all().every((peer) => peer.joined);
}

async function bring(a: InProcessSite, snapshots: number): Promise<void> {
  await a.appliance.operations.replicate({}, a.run);
  await until(
    () => a.appliance.operations.snapshots({}).filter(({ copies }) => copies.length === 2).length === snapshots,
  );
}

/** Waits for what a background activity brings about. */
export async function until(reached: () => boolean, patienceMs = 30_000): Promise<void> {
  for (let waitedMs = 0; !reached(); waitedMs += 20) {
    if (waitedMs > patienceMs) throw new Error(`waited in vain for ${String(reached)}`);
    await systemTimers.sleep(20);
  }
}

/** A copy of a state that a trial may spoil; what is not its own is not linked, since files are changed in place. */
export function copyState(from: string, to: string): void {
  execFileSync('cp', ['-a', '--', from, to]);
}
