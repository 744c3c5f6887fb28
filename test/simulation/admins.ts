import { isAppError } from '#runtime';
import { workOn } from './content.ts';
import { onMachine } from './machine/machine.ts';
import { dayMs, hourMs } from './plan.ts';
import type { Simulation } from './simulation.ts';
import { quietRun, type SimulatedSite } from './site.ts';

/** The site's people: they change files, back up, scrub every week, and mend what the appliance asks them to. */
export function employ(simulation: Simulation, site: SimulatedSite): void {
  const { random } = site.options;
  const backupEvery = () => {
    simulation.queue.add(
      simulation.plan.backupHours * hourMs * (0.5 + random.fraction()),
      `${site.name} backs up`,
      () => {
        if (simulation.isQuiet) return;
        backupEvery();
        backup(simulation, site);
      },
    );
  };
  const scrubEvery = () => {
    simulation.queue.add(7 * dayMs * (0.5 + random.fraction()), `${site.name} scrubs`, () => {
      if (simulation.isQuiet) return;
      scrubEvery();
      scrub(simulation, site);
    });
  };
  const lookEvery = () => {
    simulation.queue.add(6 * hourMs * (0.5 + random.fraction()), `${site.name}'s admin looks`, () => {
      lookEvery();
      mend(simulation, site);
    });
  };
  backupEvery();
  scrubEvery();
  lookEvery();
}

export function backup(simulation: Simulation, site: SimulatedSite): void {
  workOn(site.files, site.name, site.options.random);
  if (!site.isRunning || site.isRemoved) return;
  simulation.begin(
    site,
    'backup',
    async () => {
      const id = await site.backup();
      simulation.count('backups');
      simulation.trace(`${site.name} has backed up ${id.slice(0, 8)}`);
    },
    (error) => {
      if (isAppError(error, 'catalog_incarnation_needed')) site.needsRebuild ??= error.message;
      const isBroken = isAppError(error) && /^catalog_(write_failed|views_|closed)/.test(error.code);
      if (isBroken) site.needsRestart = true;
    },
  );
}

export function scrub(simulation: Simulation, site: SimulatedSite): void {
  const { appliance, life } = site;
  if (!site.isRunning || site.isRemoved || appliance === undefined) return;
  simulation.begin(site, 'scrub', async () => {
    const { findings } = await onMachine(life, () => appliance.operations.scrub({ heal: true }, quietRun));
    simulation.count('scrubs');
    if (findings.length > 0)
      simulation.trace(
        `${site.name} scrubbed: ${findings.length} findings, ${findings.filter(({ healed }) => healed).length} healed`,
      );
    if (!site.isRotten) return;
    const check = await onMachine(life, () => appliance.operations.storeCheck(quietRun));
    const isMended = findings.every(({ healed }) => healed) && check.findings.length === 0 && !appliance.losses.any;
    if (isMended) site.isRotten = false;
    else simulation.queue.add(3 * hourMs, `${site.name} scrubs again`, () => scrub(simulation, site));
  });
}

/** What an admin does who looks at the attention list now and then. */
export function mend(simulation: Simulation, site: SimulatedSite): void {
  if (site.isRemoved) return;
  if (site.areLogsRotten && site.isRunning && !site.needsRestart) {
    // Looked at once a life: a log is checked when it is opened, and whole again when nobody misses anything of it.
    if (site.logsLookedAt === site.life) {
      const isWhole = site.appliance?.catalog.problems().every(({ kind }) => kind !== 'log_damaged') ?? false;
      if (isWhole) site.areLogsRotten = false;
    } else site.needsRestart = true;
  }
  if (site.needsRebuild !== undefined) rebuild(simulation, site);
  else if (site.needsRestart && site.isRunning && !site.disk.faults.full) {
    simulation.trace(`${site.name} is restarted, as its appliance asked`);
    site.needsRestart = false;
    site.kill(false);
    simulation.start(site, 1000);
  }
}

/** Burns what is left and rebuilds from a peer, once all its peers can be reached. */
export function rebuild(simulation: Simulation, site: SimulatedSite): void {
  const peers = simulation.peersOf(site);
  const isReachable = peers.every(
    (peer) => peer.isRunning && peer.needsRebuild === undefined && !peer.disk.faults.full,
  );
  if (peers.length === 0 || !isReachable || simulation.network.isAnyCut) return;
  const from = site.options.random.pick(peers);
  simulation.trace(`${site.name} is rebuilt from ${from.name}: ${site.needsRebuild}`);
  site.kill(false);
  site.replaceDisk();
  simulation.count('rebuilds');
  simulation.begin(
    site,
    'rebuild',
    () => site.rebuildFrom(from),
    (error) => {
      if (error !== undefined) site.kill(false);
      else simulation.start(site, 1000);
    },
  );
}

/** What an appliance asks its admin for, in its log or in the answer to a command. */
export function heed(simulation: Simulation, site: SimulatedSite, code: string, message: string): void {
  if (code === 'session_stalled' && simulation.isCalm)
    simulation.broken(`${site.name}: a session stalls although nothing is wrong`);
  const isOwn = message.startsWith('this site cannot add to its log');
  if (code === 'catalog_incarnation_needed' && isOwn) site.needsRebuild ??= message;
  if (!/^catalog_(write_failed|views_|closed)/.test(code) || site.needsRestart) return;
  site.needsRestart = true;
  simulation.queue.add(10 * 60_000, `${site.name}'s admin looks`, () => mend(simulation, site));
}
