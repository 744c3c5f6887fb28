import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isAppError } from '#runtime';
import { compareTrees } from '#snapshot';
import type { ByteClass } from './byte-classes.ts';
import { applyDamage, type Damage } from './damage.ts';
import { InProcessSite } from './in-process-site.ts';
import { copyState, link, type RotSites, until } from './rot-sites.ts';

/** One byte class and what was done to it. */
export interface RotCase {
  readonly place: ByteClass;
  readonly damage: Damage;
  readonly neighbour: string | undefined;
}

/** What came of it. `wrong`: why this is a defect; undefined when all is as promised. */
export interface RotVerdict {
  readonly outcome: 'not possible' | 'refused' | 'said and healed' | 'said' | 'nothing to see';
  readonly said: readonly string[];
  readonly wrong: string | undefined;
}

interface Restored {
  readonly differences: readonly string[];
  readonly problems: readonly string[];
  readonly error: string | undefined;
}

/** Damages a copy of a state, opens it as the appliance does, and looks at everything that it says and gives back. */
export async function runTrial(sites: RotSites, work: string, rotCase: RotCase): Promise<RotVerdict> {
  const [north, south] = [join(work, 'north'), join(work, 'south')];
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  copyState(sites.north, north);
  const { place, damage, neighbour } = rotCase;
  if (!applyDamage({ state: north, older: sites.older, neighbour, place, damage }))
    return { outcome: 'not possible', said: [], wrong: undefined };
  const said: string[] = [];
  let site: InProcessSite;
  try {
    site = await InProcessSite.open(north, said);
  } catch (error) {
    return refusal(error, place);
  }
  await using open = site;
  const { operations } = open.appliance;
  const quiet = new Set(['a loss of a test']);
  said.push(...open.appliance.losses.reasons.filter((reason) => !quiet.has(reason)));
  said.push(...open.appliance.catalog.problems().map(({ kind }) => `catalog: ${kind}`));
  said.push(...operations.status().attention.filter((sentence) => sentence.includes('come back after a fire')));
  // Opened when it is first asked.
  open.appliance.health.history.events(open.appliance.identity.siteId, 1);
  said.push(...(await operations.storeCheck(open.run)).findings);
  const scrubbed = await operations.scrub({ heal: false }, open.run);
  said.push(
    ...scrubbed.findings.map(
      ({ what, pack, affects }) =>
        `${what} in pack ${pack}: ${affects.map((one) => `${one.snapshot} ${one.path}`).join(', ')}`,
    ),
  );
  const alone = await restored(open, sites, join(work, 'alone'));
  const wrongBytes = wrongBytesOf(alone);
  if (wrongBytes !== undefined) return { outcome: 'said', said, wrong: wrongBytes };

  // Where a copy exists, it heals: the peer has everything.
  copyState(sites.south, south);
  await using peer = await InProcessSite.open(south);
  const healed = await healing(open, peer, sites, work);
  const outcome = said.length === 0 ? 'nothing to see' : healed === undefined ? 'said and healed' : 'said';
  // Two whole packs exchanged are two packs under other numbers: nothing is lost.
  const isMoved = damage === 'swapped' && place.name.startsWith('pack of') && place.name.endsWith('whole file');
  const silent = place.expect === 'said' && !isMoved && said.length === 0 ? 'nothing said a word of it' : undefined;
  // An older version is whole: only others can tell, and bring what it lacks.
  // A site without limits has no file of them: nobody can tell that there was one.
  const isTold = said.length > 0 || damage === 'older' || (damage === 'gone' && place.file === 'limits.json');
  const late = place.expect === 'refused' && !isTold ? 'it was neither refused nor told' : undefined;
  const spoilt = await spoiltPeer(peer, sites, work);
  return { outcome, said, wrong: spoilt ?? healed ?? silent ?? late };
}

function refusal(error: unknown, place: ByteClass): RotVerdict {
  if (!isAppError(error) || error.code === 'internal' || error.advice === '')
    return {
      outcome: 'refused',
      said: [],
      wrong: `it was refused with what is no typed error: ${String(error)} ${(error as Error).stack}`,
    };
  const said = [`${error.code}: ${error.message}`];
  const wrong =
    place.expect === 'refused' || place.name.endsWith('whole file') || place.expect === 'said'
      ? undefined
      : `a cache kept it from opening: ${said[0]}`;
  return { outcome: 'refused', said, wrong };
}

async function restored(site: InProcessSite, { tree, snapshot }: RotSites, target: string): Promise<Restored> {
  rmSync(target, { recursive: true, force: true });
  try {
    const report = await site.restore(snapshot, target);
    const { differences } = await compareTrees(Buffer.from(tree), Buffer.from(target));
    const problems = report.problems.map(({ path, code }) => `${Buffer.from(path).toString()}: ${code}`);
    return { differences, problems, error: undefined };
  } catch (error) {
    if (!isAppError(error) || error.code === 'internal')
      return { differences: [], problems: [], error: `untyped: ${(error as Error).stack}` };
    return { differences: [], problems: [], error: error.code };
  }
}

/** A restore is identical, or says by a typed error or by the file's name what it is not. */
function wrongBytesOf({ differences, problems, error }: Restored): string | undefined {
  if (error?.startsWith('untyped')) return `the restore failed without a typed error: ${error}`;
  if (differences.length > 0 && problems.length === 0)
    return `a wrong restore without a word: ${differences.join('; ')}`;
  return undefined;
}

/** With the peer: everything comes back, is clean, and restores identically; undefined when it does. */
async function healing(
  site: InProcessSite,
  peer: InProcessSite,
  sites: RotSites,
  work: string,
): Promise<string | undefined> {
  const { operations } = site.appliance;
  try {
    await link(site, peer);
  } catch (error) {
    return `the two sites do not meet again: ${String(error)}`;
  }
  await until(() => operations.catalogDigest().digest === peer.appliance.operations.catalogDigest().digest, 10_000);
  await operations.scrub({ heal: true }, site.run);
  const again = await operations.scrub({ heal: true }, site.run);
  if (again.findings.length > 0) return `not healed: ${JSON.stringify(again.findings[0])}`;
  const check = await operations.storeCheck(site.run);
  if (check.findings.length > 0) return `not whole after healing: ${check.findings.join('; ')}`;
  const { differences, problems, error } = await restored(site, sites, join(work, 'healed'));
  const wrong = [...differences, ...problems, ...(error === undefined ? [] : [error])];
  return wrong.length === 0 ? undefined : `not as it was after healing: ${wrong.slice(0, 4).join('; ')}`;
}

/** No wrong byte reached the peer: it is clean and gives back what it gave before. */
async function spoiltPeer(peer: InProcessSite, sites: RotSites, work: string): Promise<string | undefined> {
  const { findings } = await peer.appliance.operations.scrub({ heal: false }, peer.run);
  if (findings.length > 0) return `the peer has damage now: ${JSON.stringify(findings[0])}`;
  const { differences, problems, error } = await restored(peer, sites, join(work, 'peer'));
  if (differences.length + problems.length === 0 && error === undefined) return undefined;
  return `the peer does not restore any more: ${[...differences, ...problems, error].join('; ')}`;
}
