import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Clock, isAppError } from '#runtime';
import { formatDuration } from '../cli/format.ts';
import { printableText } from '../cli/printable.ts';
import type { Terminal } from '../cli/terminal.ts';
import { playDemo } from './demo.ts';
import { checkRoom, chooseData } from './demo-data.ts';
import { DemoFailure } from './demo-failure.ts';
import { DemoSite } from './demo-site.ts';
import { Narrator } from './narrator.ts';
import { removeTree } from './remove-tree.ts';
import { catchStopSignals } from './stop-signals.ts';
import { until } from './until.ts';

export interface DemoRequest {
  /** The folder to demonstrate with; undefined: Sitepair's own sources. */
  readonly path: string | undefined;
  /** Leaves both sites running. */
  readonly keep: boolean;
  /** No story, figures only. */
  readonly silent: boolean;
  readonly terminal: Terminal;
  readonly clock: Clock;
}

/** All figures, and with `keep` what goes on running. */
export interface DemoResult {
  readonly seconds: number;
  readonly steps: Readonly<Record<string, object>>;
  readonly kept?: readonly KeptSite[];
}

interface KeptSite {
  readonly site: string;
  readonly pid: number | undefined;
  readonly state: string;
}

const launcher = join(import.meta.dirname, '..', 'sitepair');

/**
 * Plays the demo in a folder of its own and leaves nothing behind, whether it succeeds, fails or is stopped, unless it is
 * to be kept. Throws `demo_failed`, `interrupted`, and what is wrong with the path.
 */
export async function runDemo({ path, keep, silent, terminal, clock }: DemoRequest): Promise<DemoResult> {
  using stop = catchStopSignals();
  const { signal } = stop;
  const narrator = new Narrator({ clock, write: silent ? () => undefined : (text) => terminal.out(text) });
  const data = chooseData(path);
  const folder = mkdtempSync(join(tmpdir(), 'sitepair-demo-'));
  const site = (name: string, stateName: string) => {
    const files = { state: join(folder, stateName), logFile: join(folder, `${stateName}.log`) };
    return new DemoSite({ name, ...files, compileCache: join(folder, 'compiled'), clock, signal });
  };
  const [north, south, northRebuilt] = [site('north', 'north'), site('south', 'south'), site('north', 'north-rebuilt')];
  const sites = [north, south, northRebuilt];
  const burn = async (burning: DemoSite) => {
    await burning.kill();
    removeTree(burning.state);
  };
  let isKept = false;
  try {
    checkRoom(data, folder);
    narrator.say(`Two sites, a fire, and everything back. It happens in ${folder}.`);
    const southAddress = await playDemo({ data, north, south, northRebuilt, folder, narrator, clock, signal, burn });
    if (keep) await linkDirectly(northRebuilt, south, southAddress, signal);
    isKept = keep;
    narrator.say(`\nAll of it held, in ${formatDuration(narrator.seconds)}.`);
    const kept = sites.filter(({ pid }) => pid !== undefined).map(keptSite);
    return { seconds: narrator.seconds, steps: narrator.figures, ...(keep ? { kept } : {}) };
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    isKept = keep;
    throw failed(error, narrator, sites, silent ? undefined : terminal);
  } finally {
    if (isKept) leaveRunning(sites, folder, narrator);
    else {
      await Promise.all(sites.map((one) => one.kill()));
      removeTree(folder);
      if (!signal.aborted)
        narrator.say('Nothing of it is left behind; with --keep both sites stay, to look around in.');
    }
  }
}

/** The line that counts ends with the demo; the sites that are kept do without it. */
async function linkDirectly(north: DemoSite, south: DemoSite, address: string, signal: AbortSignal): Promise<void> {
  await north.run('pair', 'set-address', south.name, address);
  await until({ bytes: 0 }, signal, 'the sites to be linked without the line', async () => {
    const [peer] = await north.api.call('pairList', {});
    return peer?.link === 'up';
  });
}

/** The failure with where the story was; what the sites logged last goes to the terminal, or along for scripts. */
function failed(error: unknown, narrator: Narrator, sites: readonly DemoSite[], terminal: Terminal | undefined) {
  if (isAppError(error) && !(error instanceof DemoFailure)) return error;
  const logs = sites.map((one) => ({ log: one.logFile, tail: one.logTail() })).filter(({ tail }) => tail !== '');
  for (const { log, tail } of logs) terminal?.err(printableText(`\n--- the end of ${log}\n${tail}\n`));
  terminal?.err('\n');
  const message = error instanceof Error ? error.message : String(error);
  const cause = error instanceof DemoFailure ? error.cause : error;
  return new DemoFailure(`${narrator.place}: ${message}`, cause, { logs });
}

function leaveRunning(sites: readonly DemoSite[], folder: string, narrator: Narrator): void {
  const running = sites.filter(({ pid }) => pid !== undefined);
  for (const one of running) one.release();
  const states = running.map(({ name, state, pid }) => `  ${name}: process ${pid}, --state ${state}`);
  const commands = running.flatMap(({ state }) => [
    `  ${launcher} status --state ${state}`,
    `  ${launcher} snapshots --state ${state}`,
    `  ${launcher} ls north/files@latest --state ${state}`,
  ]);
  const pids = running.map(({ pid }) => pid).join(' ');
  narrator.say(
    [
      '\nBoth sites go on running:',
      ...states,
      'Look around, for instance:',
      ...commands,
      'Make an end of it:',
      `  kill -9 ${pids}; rm -rf ${folder}`,
    ].join('\n'),
  );
}

function keptSite({ name, pid, state }: DemoSite): KeptSite {
  return { site: name, pid, state };
}
