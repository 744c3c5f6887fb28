import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type Finding, record, tryCuts, tryTellingCuts } from './cut-trial.ts';
import { scenarios } from './scenarios/all.ts';
import { buildShim } from './shim.ts';
import { type SyncSite, syncSites } from './sync-sites.ts';
import { Verifier } from './verifier.ts';

// Takes each sync out of a copy of the code, one at a time, and tells which scenario finds it missing.
//   node test/faults/mutate-syncs.ts [PART OF A FILE NAME]...
const repository = resolve(import.meta.dirname, '..', '..');
const wanted = process.argv.slice(2);
const randomCuts = Number(process.env.CUTS ?? 120);

/** Scenarios that are likely to find a site come first. */
function order(file: string): string[] {
  const first = /targets/.test(file)
    ? ['volumes', 'store']
    : /libs\/store/.test(file)
      ? ['store']
      : /catalog\/(?:log-check|open-logs)|scrub|known-losses/.test(file)
        ? ['rot']
        : /blind/.test(file)
          ? ['blind']
          : /agent|invitation|enroll/.test(file)
            ? ['agent']
            : /runtime/.test(file)
              ? ['volumes', 'pair']
              : ['pair'];
  return [...first, ...scenarios.map(({ name }) => name).filter((name) => !first.includes(name))];
}

const folder = mkdtempSync(join(process.env.FAULTS_FOLDER ?? tmpdir(), 'sitepair-mutants-'));
const library = buildShim(folder);
const copy = join(folder, 'copy');
mkdirSync(copy);
for (const name of ['package.json', 'libs', 'apps', 'proto', 'test'])
  cpSync(join(repository, name), join(copy, name), { recursive: true });
symlinkSync(join(repository, 'node_modules'), join(copy, 'node_modules'));

async function findingIn(scenario: string): Promise<Finding | string | undefined> {
  const program = join(copy, 'test/faults/run-scenario.ts');
  const place = mkdtempSync(join(folder, 'trial-'));
  try {
    const recording = await record(place, library, scenario, { program });
    await using verifier = new Verifier(place, library, join(copy, 'test/faults/verify-worker.ts'));
    const telling = await tryTellingCuts(recording, verifier, { findingsMax: 1 });
    if (telling.findings[0] !== undefined) return telling.findings[0];
    const cuts = await tryCuts(recording, verifier, { count: randomCuts, seed: 7, findingsMax: 1, thoroughEvery: 40 });
    return cuts.findings[0];
  } catch (error) {
    return `the scenario itself fails: ${String(error).slice(0, 200)}`;
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

async function tryMutant({ file, line, text, mutant }: SyncSite, original: string): Promise<boolean> {
  writeFileSync(join(copy, file), mutant);
  try {
    for (const scenario of order(file)) {
      const found = await findingIn(scenario);
      if (found === undefined) continue;
      const how = typeof found === 'string' ? found : `after "${found.lastWord}": ${found.problems[0]?.slice(0, 110)}`;
      console.log(`caught      ${file}:${line} ${text} by ${scenario} ${how.replaceAll('\n', ' ')}`);
      return true;
    }
    console.log(`NOT CAUGHT  ${file}:${line} ${text}`);
    return false;
  } finally {
    writeFileSync(join(copy, file), original);
  }
}

try {
  const sites = syncSites(copy).filter(({ file }) => wanted.length === 0 || wanted.some((one) => file.includes(one)));
  let caught = 0;
  for (const site of sites) {
    const original = readFileSync(join(copy, site.file), 'utf8');
    if (await tryMutant(site, original)) caught += 1;
  }
  console.log(`${caught} of ${sites.length} missing syncs were found`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
