import { SeededRandom } from './machine/random.ts';

/** What can go wrong. Each kind can be left out of a run (`--without`), which is how a failing seed is shrunk. */
export const faultKinds = [
  'kill',
  'power cut',
  'kill in an operation',
  'power cut in an operation',
  'connections lost',
  'partition',
  'one-way cut',
  'slow line',
  'clock jump',
  'disk full',
  'failed sync',
  'bit rot',
  'rolled back',
  'cloned',
  'burnt',
  'removed',
  'key rotated',
] as const;
export type FaultKind = (typeof faultKinds)[number];

export interface PlannedFault {
  readonly atMs: number;
  readonly kind: FaultKind;
  /** Whom it hits; the fault draws the rest of its chance from a stream of this number. */
  readonly site: number;
  readonly stream: number;
}

/** Everything that a run is made from. It follows from the seed, but for what the caller leaves out. */
export interface Plan {
  readonly seed: number;
  readonly sites: number;
  readonly days: number;
  readonly pairs: readonly (readonly [inviter: number, accepter: number])[];
  /** Hours between two backups of a site. */
  readonly backupHours: number;
  readonly heartbeatStretch: number;
  readonly clockOffsetsMs: readonly number[];
  /** How many link protocol versions each site is ahead of the newest there is. */
  readonly versionsAhead: readonly number[];
  readonly faults: readonly PlannedFault[];
}

export interface PlanChoices {
  readonly seed: number;
  readonly days?: number | undefined;
  readonly sites?: number | undefined;
  readonly without?: readonly FaultKind[] | undefined;
}

/** How often each fault comes, in a year of one site, when the weather is ordinary. */
const perSiteYear: Readonly<Record<FaultKind, number>> = {
  kill: 12,
  'power cut': 8,
  'kill in an operation': 12,
  'power cut in an operation': 12,
  'connections lost': 30,
  partition: 10,
  'one-way cut': 8,
  'slow line': 6,
  'clock jump': 4,
  'disk full': 3,
  'failed sync': 6,
  'bit rot': 4,
  'rolled back': 1,
  cloned: 0.7,
  burnt: 1,
  removed: 0.3,
  'key rotated': 3,
};

export const dayMs = 86_400_000;
export const hourMs = 3_600_000;
const yearMs = 365 * dayMs;

export function planOf({ seed, days, sites, without = [] }: PlanChoices): Plan {
  const random = new SeededRandom(seed);
  const siteCount = random.between(2, 5);
  const dayCount = random.between(10, 60);
  const shape = random.pick(['star', 'chain', 'tree', 'mesh'] as const);
  // Some worlds are calm and their faults come alone, in others they come on top of each other.
  const weather = random.pick([0.3, 1, 1, 1, 3, 3, 3, 10]);
  const chosen = { sites: sites ?? siteCount, days: days ?? dayCount };
  const backupHours = random.pick([4, 8, 24, 24]);
  const offset = () =>
    random.chance(0.3) ? (random.fraction() - 0.5) * 20 * yearMs : (random.fraction() - 0.5) * 60_000;
  const clockOffsetsMs = Array.from({ length: 5 }, offset);
  const versionsAhead = Array.from({ length: 5 }, () => (random.chance(0.2) ? 1 : 0));
  const faults: PlannedFault[] = [];
  for (const [number, kind] of faultKinds.entries()) {
    // A stream of its own for each kind: leaving one out changes none of the others.
    const chance = new SeededRandom(seed, 1 + number);
    const meanMs = yearMs / (perSiteYear[kind] * weather * siteCount);
    let index = 0;
    for (let atMs = chance.exponential(meanMs); atMs < dayCount * dayMs; atMs += chance.exponential(meanMs)) {
      const site = chance.between(0, siteCount - 1);
      if (!without.includes(kind) && site < chosen.sites && atMs < chosen.days * dayMs)
        faults.push({ atMs, kind, site, stream: 100 * (index + 1) + number });
      index += 1;
    }
  }
  faults.sort((a, b) => a.atMs - b.atMs);
  return {
    seed,
    ...chosen,
    pairs: pairsOf(shape, chosen.sites),
    backupHours,
    heartbeatStretch: random.pick([6, 12, 60]),
    clockOffsetsMs,
    versionsAhead,
    faults,
  };
}

function pairsOf(shape: 'star' | 'chain' | 'tree' | 'mesh', sites: number): [number, number][] {
  const pairs: [number, number][] = [];
  for (let site = 1; site < sites; site++) {
    if (shape === 'star') pairs.push([0, site]);
    else if (shape === 'chain') pairs.push([site - 1, site]);
    else if (shape === 'tree') pairs.push([(site - 1) >> 1, site]);
    else for (let other = 0; other < site; other++) pairs.push([other, site]);
  }
  return pairs;
}
