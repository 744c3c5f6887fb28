import { backup, scrub } from './admins.ts';
import { onMachine } from './machine/machine.ts';
import { SeededRandom } from './machine/random.ts';
import { dayMs, hourMs, type PlannedFault } from './plan.ts';
import type { Simulation } from './simulation.ts';
import type { SimulatedSite } from './site.ts';

const minuteMs = 60_000;

/** Lets one fault happen, and plans its end. What cannot happen now (the site is down, say) is counted as passed over. */
export function strike(simulation: Simulation, fault: PlannedFault): void {
  const site = simulation.sites[fault.site];
  if (site === undefined || simulation.isQuiet) return;
  const random = new SeededRandom(simulation.plan.seed, fault.stream * 1000 + 7);
  const happened = strikes[fault.kind](simulation, site, random);
  simulation.count(happened ? `fault: ${fault.kind}` : `passed over: ${fault.kind}`);
}

type Strike = (simulation: Simulation, site: SimulatedSite, random: SeededRandom) => boolean;

const strikes: Readonly<Record<PlannedFault['kind'], Strike>> = {
  kill: (simulation, site, random) => kill(simulation, site, random, false),
  'power cut': (simulation, site, random) => kill(simulation, site, random, true),
  'kill in an operation': dieInOperation,
  'power cut in an operation': dieInOperation,
  'connections lost': (simulation, site) => {
    const lost = [...simulation.network.connections].filter(
      ({ dialling, answering }) => dialling.machine.site === site.name || answering.machine.site === site.name,
    );
    for (const connection of lost) connection.lose();
    simulation.trace(`${site.name} loses ${lost.length} connections`);
    return lost.length > 0;
  },
  partition: (simulation, site, random) => cut(simulation, site, random, [true, true]),
  'one-way cut': (simulation, site, random) =>
    cut(simulation, site, random, random.chance(0.5) ? [true, false] : [false, true]),
  'slow line': (simulation, site, random) => {
    const other = random.pick(simulation.sites.filter((one) => one !== site));
    const lines = [simulation.network.line(site.name, other.name), simulation.network.line(other.name, site.name)];
    for (const line of lines) line.bytesPerSecond = random.pick([500, 4000, 50_000]);
    simulation.trace(`the line between ${site.name} and ${other.name} is slow`);
    simulation.queue.add(random.exponential(2 * hourMs), 'a line is as before', () => {
      for (const line of lines) line.bytesPerSecond = 2_000_000;
    });
    return true;
  },
  'clock jump': (simulation, site, random) => {
    const byMs = (random.fraction() - 0.5) * 2 * random.pick([minuteMs, dayMs, 3650 * dayMs]);
    site.clockOffsetMs += byMs;
    simulation.trace(`the clock of ${site.name} jumps by ${(byMs / dayMs).toFixed(3)} days`);
    return true;
  },
  'disk full': (simulation, site, random) => {
    const { disk } = site;
    disk.faults.full = true;
    simulation.trace(`the disk of ${site.name} is full`);
    simulation.queue.add(random.exponential(5 * hourMs), 'a disk has room again', () => {
      disk.faults.full = false;
      simulation.trace(`the disk of ${site.name} has room again`);
    });
    return true;
  },
  'failed sync': (simulation, site, random) => {
    site.disk.faults.failingSyncs += random.between(1, 2);
    simulation.trace(`the next syncs of ${site.name} fail`);
    return true;
  },
  'bit rot': (simulation, site, random) => {
    if (!isOnlyDisaster(simulation, site) || !simulation.ledger.isSpare(site.disk)) return false;
    return rot(simulation, site, random);
  },
  'rolled back': (simulation, site, random) => {
    if (!isOnlyDisaster(simulation, site)) return false;
    const image = site.image();
    const laterMs = random.exponential(3 * dayMs);
    simulation.ledger.disks.add(image);
    simulation.queue.add(laterMs, `${site.name} is set back`, () => {
      simulation.ledger.disks.delete(image);
      if (simulation.isQuiet || !isOnlyDisaster(simulation, site) || site.isRemoved) return;
      simulation.trace(`${site.name} is set back by ${(laterMs / dayMs).toFixed(1)} days`);
      site.kill(true);
      site.replaceDisk(image);
      simulation.count('disks set back');
      simulation.start(site, minuteMs);
    });
    return true;
  },
  cloned: clone,
  burnt: (simulation, site) => {
    if (!isOnlyDisaster(simulation, site) || simulation.peersOf(site).length === 0) return false;
    simulation.trace(`${site.name} burns`);
    site.kill(true);
    site.replaceDisk();
    site.needsRebuild = 'it has burnt';
    return true;
  },
  removed: remove,
  'key rotated': (simulation, site) => {
    const { appliance, life } = site;
    if (!site.isRunning || site.isRemoved || appliance === undefined) return false;
    simulation.begin(site, 'key rotation', async () => {
      await onMachine(life, () => appliance.operations.keyRotate());
    });
    return true;
  },
};

/** So that two copies are never lost in two ways at once, which nobody promises to survive. */
function isOnlyDisaster(simulation: Simulation, site: SimulatedSite): boolean {
  const others = simulation.sites.filter((one) => one !== site && !one.isRemoved);
  const isStruck = others.some((one) => one.isRotten || one.needsRebuild !== undefined);
  return !isStruck && !site.isRotten && !site.isRemoved && site.needsRebuild === undefined;
}

function kill(simulation: Simulation, site: SimulatedSite, random: SeededRandom, isPowerCut: boolean): boolean {
  if (!site.isRunning) return false;
  simulation.trace(`${site.name} ${isPowerCut ? 'loses power' : 'is killed'}`);
  site.kill(isPowerCut);
  const downMs = random.pick([1000, 1000, minuteMs, minuteMs, 10 * minuteMs, 30 * minuteMs, 30 * minuteMs, 5 * hourMs]);
  if (site.needsRebuild === undefined) simulation.start(site, downMs);
  return true;
}

/** The machine dies between two operations on its disk, in the middle of whatever it does then: a backup is begun for it. */
function dieInOperation(simulation: Simulation, site: SimulatedSite, random: SeededRandom): boolean {
  if (!site.isRunning || site.life === undefined) return false;
  site.life.operationsLeft = random.between(1, 60);
  if (random.chance(0.7)) backup(simulation, site);
  return true;
}

function cut(
  simulation: Simulation,
  site: SimulatedSite,
  random: SeededRandom,
  ways: readonly [boolean, boolean],
): boolean {
  const others = simulation.sites.filter((one) => one !== site);
  const from = random.chance(0.5) ? others : [random.pick(others)];
  const set = (isCut: boolean) => {
    for (const other of from) {
      if (ways[0]) simulation.network.setCut(site.name, other.name, isCut);
      if (ways[1]) simulation.network.setCut(other.name, site.name, isCut);
    }
  };
  set(true);
  const lastsMs = random.exponential(random.pick([30_000, hourMs, 2 * hourMs]));
  const which = ways[0] && ways[1] ? 'both ways' : ways[0] ? 'outgoing' : 'incoming';
  simulation.trace(`${site.name} is cut off from ${from.map((one) => one.name).join(', ')}, ${which}`);
  simulation.queue.add(lastsMs, 'a line is mended', () => {
    set(false);
    simulation.trace(`${site.name} is connected again`);
  });
  return true;
}

function rot(simulation: Simulation, site: SimulatedSite, random: SeededRandom): boolean {
  const files = [...site.disk.files()].filter(
    ([path, file]) => /\.(pack|log)$|views\.lmdb$/.test(path) && file.length > 0 && file.changes.length === 0,
  );
  if (files.length === 0) return false;
  const [path, file] = random.pick(files);
  const at = random.between(0, file.length - 1);
  file.flip(at, random.between(0, 7));
  site.isRotten = true;
  site.areLogsRotten ||= path.endsWith('.log');
  simulation.trace(`a bit flips at ${site.name}, byte ${at} of ${path}`);
  simulation.queue.add(random.exponential(dayMs), `${site.name} scrubs`, () => scrub(simulation, site));
  return true;
}

/** An image of the disk is started elsewhere while the site runs on: for some hours there are two of it; one stays. */
function clone(simulation: Simulation, site: SimulatedSite, random: SeededRandom): boolean {
  if (!isOnlyDisaster(simulation, site) || !site.isRunning) return false;
  const original = site.disk;
  const image = site.image();
  simulation.trace(`${site.name} is cloned; the clone runs in its place, then the original again`);
  simulation.ledger.disks.add(image);
  site.kill(true);
  swapDisk(site, image);
  simulation.start(site, minuteMs);
  simulation.queue.add(random.exponential(dayMs), `the original of ${site.name} returns`, () => {
    // Whoever burnt or was set back meanwhile has another disk than both.
    if (site.disk !== image || simulation.isQuiet || site.isRemoved || !isOnlyDisaster(simulation, site)) {
      simulation.ledger.disks.delete(original);
      return;
    }
    simulation.trace(`the clone of ${site.name} is gone, the original runs again`);
    site.kill(true);
    site.replaceDisk(original);
    simulation.start(site, minuteMs);
  });
  return true;
}

function swapDisk(site: SimulatedSite, disk: SimulatedSite['disk']): void {
  site.disk = disk;
}

/** An admin at each of its peers removes a site from the realm. */
function remove(simulation: Simulation, site: SimulatedSite): boolean {
  const peers = simulation.peersOf(site);
  const isLeaf = peers.every((peer) => simulation.peersOf(peer).length > 1) && simulation.members.length > 2;
  const canAll = peers.every((peer) => peer.isRunning && peer.needsRebuild === undefined);
  if (!isLeaf || !canAll || site.isRemoved || peers.length !== 1 || !site.isRunning) return false;
  simulation.trace(`${site.name} is removed from the realm by ${peers.map((peer) => peer.name).join(', ')}`);
  site.isRemoved = true;
  simulation.ledger.disks.delete(site.disk);
  for (const peer of peers) {
    simulation.begin(peer, 'removal', async () => {
      const { appliance, life } = peer;
      if (appliance === undefined) return;
      const before = new Set(keysOf(site));
      await onMachine(life, () => appliance.operations.pairRemove({ peer: site.name }));
      for (const key of keysOf(peer)) if (!before.has(key)) site.forbiddenKeys.add(key);
    });
  }
  return true;
}

export function keysOf(site: SimulatedSite): string[] {
  const keyring = site.appliance?.keys.keyring;
  return (keyring?.dataKeys ?? []).map(({ keyId }) => Buffer.from(keyId).toString('hex'));
}
