import { createHash } from 'node:crypto';
import { systemCode } from '#runtime';
import { type FaultKind, faultKinds, type PlanChoices, planOf } from './plan.ts';
import { Simulation, SimulationFailure, type SimulationReport } from './simulation.ts';

/** What the command line asks for; see README.md. */
export interface Asked {
  readonly seed?: string | undefined;
  /** FROM..TO, or FROM.. with --years or --seconds. */
  readonly seeds?: string | undefined;
  readonly years?: string | undefined;
  readonly seconds?: string | undefined;
  readonly days?: string | undefined;
  readonly sites?: string | undefined;
  readonly without?: readonly string[] | undefined;
  readonly trace?: boolean | undefined;
  readonly shrink?: boolean | undefined;
  readonly digest?: boolean | undefined;
  readonly verbose?: boolean | undefined;
}

/** Runs the seeds that were asked for, and prints what came of it. False when one failed. */
export async function simulateSeeds(asked: Asked): Promise<boolean> {
  const [from, to] = seedRange(asked);
  const choices = { days: numberOf(asked.days), sites: numberOf(asked.sites), without: kindsOf(asked.without) };
  const totals: Record<string, number> = {};
  let [siteYears, events, worlds, failures] = [0, 0, 0, 0];
  const endMs = performance.now() + 1000 * (numberOf(asked.seconds) ?? Number.POSITIVE_INFINITY);
  const yearsMax = numberOf(asked.years) ?? Number.POSITIVE_INFINITY;
  for (let seed = from; seed <= to && siteYears < yearsMax && performance.now() < endMs; seed++) {
    const outcome = await simulateOne({ seed, ...choices }, asked);
    if (asked.verbose)
      process.stdout.write(
        `seed ${seed}: ${outcome?.siteYears.toFixed(2) ?? 'failed'} site-years, ${outcome?.events ?? 0} events, ${(process.cpuUsage().user / 1e6).toFixed(0)} s until now\n`,
      );
    if (outcome === undefined) {
      failures += 1;
      if (failures >= 5) break;
      continue;
    }
    worlds += 1;
    siteYears += outcome.siteYears;
    events += outcome.events;
    for (const [what, count] of Object.entries(outcome.counts)) totals[what] = (totals[what] ?? 0) + count;
  }
  process.stdout.write(
    `${worlds} worlds, ${siteYears.toFixed(1)} site-years, ${events} events, ${failures} failures\n`,
  );
  for (const [what, count] of Object.entries(totals).sort())
    process.stdout.write(`${String(Math.round(count)).padStart(12)}  ${what}\n`);
  return failures === 0;
}

async function simulateOne(choices: PlanChoices, asked: Asked): Promise<SimulationReport | undefined> {
  const traced = createHash('sha256');
  const trace = (line: string) => {
    traced.update(line);
    if (asked.trace) process.stdout.write(`${line}\n`);
  };
  try {
    const report = await new Simulation(planOf(choices), asked.trace || asked.digest ? trace : undefined).run();
    if (asked.digest) process.stdout.write(`trace of seed ${choices.seed}: ${traced.digest('hex').slice(0, 16)}\n`);
    return report;
  } catch (error) {
    if (!(error instanceof SimulationFailure)) throw error;
    process.stdout.write(`FAILED: ${error.message}\n${causes(error.cause)}`);
    process.stdout.write(`  replay: ${commandOf(asked.shrink ? await shrunk(choices) : choices)}\n`);
    return undefined;
  }
}

/** Leaves out kinds of faults, then sites, then days, for as long as it still fails. */
async function shrunk(choices: PlanChoices): Promise<PlanChoices> {
  let smallest = choices;
  const keepIfItFails = async (smaller: PlanChoices) => {
    if (!(await passes(smaller))) smallest = smaller;
  };
  for (const kind of faultKinds) await keepIfItFails({ ...smallest, without: [...(smallest.without ?? []), kind] });
  const { sites, days } = planOf(smallest);
  for (let fewer = 2; fewer < sites && smallest.sites === choices.sites; fewer++)
    await keepIfItFails({ ...smallest, sites: fewer });
  for (let fewer = 1; fewer < days && smallest.days === choices.days; fewer = Math.ceil(fewer * 1.5))
    await keepIfItFails({ ...smallest, days: fewer });
  return smallest;
}

async function passes(choices: PlanChoices): Promise<boolean> {
  try {
    await new Simulation(planOf(choices)).run();
    return true;
  } catch (error) {
    if (error instanceof SimulationFailure) return false;
    throw error;
  }
}

function commandOf({ seed, days, sites, without = [] }: PlanChoices): string {
  const parts = ['node test/simulation/run.ts', `--seed ${seed}`];
  if (days !== undefined) parts.push(`--days ${days}`);
  if (sites !== undefined) parts.push(`--sites ${sites}`);
  for (const kind of without) parts.push(`--without '${kind}'`);
  return [...parts, '--trace'].join(' ');
}

function causes(error: unknown, depth = 1): string {
  if (!(error instanceof Error) || depth > 6) return '';
  const code = systemCode(error);
  return `${'  '.repeat(depth)}${code === undefined ? '' : `[${code}] `}${error.stack ?? error.message}\n${causes(error.cause, depth + 1)}`;
}

function seedRange({ seed, seeds }: Asked): [number, number] {
  if (seed !== undefined) return [Number(seed), Number(seed)];
  const [from = '1', to = ''] = (seeds ?? '1..').split('..');
  return [Number(from), to === '' ? Number.MAX_SAFE_INTEGER : Number(to)];
}

function numberOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}

function kindsOf(names: readonly string[] = []): FaultKind[] {
  return names.map((name) => {
    const kind = faultKinds.find((one) => one === name);
    if (kind === undefined) throw new Error(`no such fault: "${name}"; there are: ${faultKinds.join(', ')}`);
    return kind;
  });
}
