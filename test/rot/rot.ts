import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemTimers } from '#runtime';
import { type ByteClass, byteClasses } from './byte-classes.ts';
import { damages } from './damage.ts';
import { makeRotSites } from './rot-sites.ts';
import type { RotCase, RotVerdict } from './trial.ts';

export interface RotResult {
  readonly rotCase: RotCase;
  readonly verdict: RotVerdict;
}

// Far beyond what a trial takes on a busy machine.
const stalledMs = 120_000;

/** Every class with every damage, one place of each class; `all` places when asked. */
function casesOf(state: string, all: boolean): RotCase[] {
  const classes = byteClasses(state);
  const kindOf = ({ name }: ByteClass) => name.split(':')[0];
  const seen = new Set<string>();
  return classes.flatMap((place) => {
    // Of classes that occur often, the last place is as good as any; of a log, its owner matters.
    if (!all && seen.has(place.name)) return [];
    seen.add(place.name);
    const neighbour = classes.find((one) => one.file !== place.file && kindOf(one) === kindOf(place))?.file;
    return damages.map((damage) => ({ place, damage, neighbour: neighbour ?? neighbourOf(place.file) }));
  });
}

/** Two files of different kinds that somebody might mistake for each other. */
function neighbourOf(file: string): string | undefined {
  const pairs: Readonly<Record<string, string>> = {
    'secret/keyring': 'secret/identity',
    'secret/identity': 'secret/keyring',
    'secret/peers.json': 'secret/invitations.json',
    'secret/invitations.json': 'secret/peers.json',
    'packs/keyring.sealed': 'secret/keyring',
    'site.json': 'packs/store.json',
    'packs/store.json': 'site.json',
    'losses.json': 'site.json',
    'catalog/own.json': 'site.json',
  };
  return pairs[file];
}

/** One process that runs cases until it dies, and then another one. */
class Trials implements Disposable {
  #child: ChildProcess | undefined;

  async run(order: object): Promise<RotVerdict> {
    const child =
      this.#child ??
      fork(join(import.meta.dirname, 'trial-process.ts'), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.#child = child;
    const aborting = new AbortController();
    const { signal } = aborting;
    const answered = once(child, 'message', { signal }).then(([verdict]) => verdict as RotVerdict);
    const died = once(child, 'exit', { signal }).then(([code, by]) => wrong(`the process died: ${code} ${by}`));
    const stalled = systemTimers.sleep(stalledMs, signal).then(() => wrong('it hangs'));
    for (const one of [answered, died, stalled]) one.catch(() => undefined);
    child.send(order);
    const verdict = await Promise.race([answered, died, stalled]);
    aborting.abort();
    if (verdict.wrong?.startsWith('the process died') || verdict.wrong === 'it hangs') this[Symbol.dispose]();
    return verdict;
  }

  [Symbol.dispose](): void {
    this.#child?.kill('SIGKILL');
    this.#child = undefined;
  }
}

function wrong(why: string): RotVerdict {
  return { outcome: 'said', said: [], wrong: why };
}

/** Runs the chosen cases, each on a fresh copy of two sites. `choose` picks by the case's name and its place in the list. */
export async function rot(
  choose: (name: string, index: number) => boolean,
  options: { readonly all?: boolean; readonly onResult?: (result: RotResult) => void } = {},
): Promise<RotResult[]> {
  const root = mkdtempSync(join(tmpdir(), 'sitepair-rot-'));
  using trials = new Trials();
  try {
    const sites = await makeRotSites(root);
    const results: RotResult[] = [];
    const cases = casesOf(sites.north, options.all ?? false).filter((one, i) => choose(nameOf(one), i));
    for (const rotCase of cases) {
      const verdict = await trials.run({ sites, work: join(root, 'work'), rotCase });
      results.push({ rotCase, verdict });
      options.onResult?.({ rotCase, verdict });
    }
    return results;
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

export function nameOf({ place, damage }: RotCase): string {
  return `${place.name}, ${damage}`;
}

/** What is wrong, case by case, with the command that runs it again. */
export function tellWrong(results: readonly RotResult[]): string {
  const told = results
    .filter(({ verdict }) => verdict.wrong !== undefined)
    .map(({ rotCase, verdict }) => {
      const again = `SITEPAIR_ROT='${nameOf(rotCase)}' node --test test/rot/rot.test.ts`;
      return `${nameOf(rotCase)} (${rotCase.place.file} at ${rotCase.place.from}): ${verdict.wrong}\nsaid: ${verdict.said.join(' | ')}\nagain: ${again}`;
    });
  return told.join('\n\n');
}

/** How many of each class came to what. */
export function tellCounts(results: readonly RotResult[]): string {
  const counts = new Map<string, Map<string, number>>();
  for (const { rotCase, verdict } of results) {
    const row = counts.get(rotCase.place.name) ?? new Map<string, number>();
    row.set(verdict.outcome, (row.get(verdict.outcome) ?? 0) + 1);
    counts.set(rotCase.place.name, row);
  }
  return [...counts]
    .map(([name, row]) => `${name}: ${[...row].map(([outcome, count]) => `${count} ${outcome}`).join(', ')}`)
    .join('\n');
}
