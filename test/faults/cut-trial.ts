import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { seededFractions } from '../kit/kill-trial.ts';
import { DiskModel, newFolder } from './disk-model.ts';
import { cutEvenly, cutPower, everyCut, hashOf } from './power-cut.ts';
import { type FileEvent, readRecording } from './recording.ts';
import { scenarioNamed } from './scenarios/all.ts';
import { shimEnvironment } from './shim.ts';
import type { Verifier } from './verifier.ts';

export interface Recording {
  readonly scenario: string;
  readonly root: string;
  readonly events: readonly FileEvent[];
}

export interface Finding {
  readonly scenario: string;
  readonly seed: number;
  /** Events before the cut. */
  readonly cutAt: number;
  readonly lastWord: string;
  readonly problems: readonly string[];
}

export interface Trial {
  readonly tried: number;
  /** States that were the same as one before, with the same words. */
  readonly repeated: number;
  readonly findings: readonly Finding[];
}

interface RecordOptions {
  readonly program?: string;
  /** Events of reads, too; the model of the disk knows none. */
  readonly logReads?: boolean;
}

/** Runs a scenario in a process of its own, with everything recorded that it does below a new folder. */
export async function record(
  folder: string,
  library: string,
  scenario: string,
  { program = join(import.meta.dirname, 'run-scenario.ts'), logReads = false }: RecordOptions = {},
): Promise<Recording> {
  const place = mkdtempSync(join(folder, `${scenario}-`));
  const [root, log] = [join(place, 'disk'), join(place, 'recording')];
  mkdirSync(root);
  const task = { root, log, logReads, syncMicroseconds: 300 };
  const child = spawn(process.execPath, [program, scenario, root, log], {
    env: shimEnvironment(library, task),
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const [code, signal] = await once(child, 'close');
  if (code !== 0) throw new Error(`the scenario ${scenario} ended with ${signal ?? code}: ${stderr}`);
  return { scenario, root, events: readRecording(log) };
}

/** Cuts the power `count` times at moments chosen by the seed, which also decides what is left, and recovers each. */
export async function tryCuts(
  { scenario, root, events }: Recording,
  verifier: Verifier,
  { count, seed, thoroughEvery = 10, findingsMax = 10 }: CutOptions,
): Promise<Trial> {
  const fraction = seededFractions(seed);
  const from = firstCut(scenario, events);
  const cuts = Array.from({ length: count }, () => from + Math.floor(fraction() * (events.length + 1 - from)));
  cuts.sort((a, b) => a - b);
  const disk = new DiskModel(root, newFolder());
  const trial = new RunningTrial(scenario, seed, verifier, findingsMax);
  let at = 0;
  for (const cutAt of cuts) {
    for (; at < cutAt; at++) advance(disk, events[at], trial.words);
    await trial.tryState(cutPower(disk, fraction), cutAt, (trial.tried + 1) % thoroughEvery === 0);
    if (trial.isFull) break;
  }
  return trial;
}

/** Counts and verifies states of one recording, each once for the words that were said before it. */
class RunningTrial implements Trial {
  readonly words: string[] = [];
  readonly findings: Finding[] = [];
  tried = 0;
  repeated = 0;
  readonly #scenario: string;
  readonly #seed: number;
  readonly #verifier: Verifier;
  readonly #findingsMax: number;
  readonly #seen = new Set<string>();

  constructor(scenario: string, seed: number, verifier: Verifier, findingsMax: number) {
    [this.#scenario, this.#seed, this.#verifier, this.#findingsMax] = [scenario, seed, verifier, findingsMax];
  }

  get isFull(): boolean {
    return this.findings.length >= this.#findingsMax;
  }

  async tryState(state: ReturnType<typeof cutPower>, cutAt: number, thorough: boolean): Promise<void> {
    const key = `${this.words.length} ${hashOf(state)}`;
    if (this.#seen.has(key)) {
      this.repeated += 1;
      return;
    }
    this.#seen.add(key);
    this.tried += 1;
    const [scenario, seed, lastWord] = [this.#scenario, this.#seed, this.words.at(-1) ?? ''];
    const problems = await this.#verifier.verify(scenario, state, this.words, thorough);
    if (problems.length > 0) this.findings.push({ scenario, seed, cutAt, lastWord, problems });
  }
}

const evenCuts = [
  ['nothing', 'nothing'],
  ['everything', 'nothing'],
  ['nothing', 'everything'],
] as const;

/**
 * Cuts the power after each word and each change of a name, and loses all that was not synced: contents, names, or both.
 * Where a sync is missing, one of these states shows it.
 */
export async function tryTellingCuts(
  { scenario, root, events }: Recording,
  verifier: Verifier,
  { findingsMax = 10 }: { readonly findingsMax?: number } = {},
): Promise<Trial> {
  const disk = new DiskModel(root, newFolder());
  const trial = new RunningTrial(scenario, 0, verifier, findingsMax);
  const from = firstCut(scenario, events);
  for (const [i, event] of events.entries()) {
    advance(disk, event, trial.words);
    if (i < from || !telling.has(event.call)) continue;
    for (const [names, contents] of evenCuts) {
      await trial.tryState(cutEvenly(disk, names, contents), i + 1, false);
      if (trial.isFull) return trial;
    }
  }
  return trial;
}

const telling: ReadonlySet<string> = new Set(['told', 'rename', 'link', 'unlink', 'rmdir']);

interface CutOptions {
  readonly count: number;
  readonly seed: number;
  readonly thoroughEvery?: number;
  readonly findingsMax?: number;
}

/** Cuts the power between all events, and tries each state there that has its changes whole or not at all. */
export async function tryEveryCut(
  { scenario, root, events }: Recording,
  verifier: Verifier,
  { statesMax, findingsMax = 10 }: { readonly statesMax: number; readonly findingsMax?: number },
): Promise<Trial> {
  const disk = new DiskModel(root, newFolder());
  const trial = new RunningTrial(scenario, 0, verifier, findingsMax);
  for (let cutAt = 0; cutAt <= events.length; cutAt++) {
    if (cutAt > 0) advance(disk, events[cutAt - 1], trial.words);
    for (const state of everyCut(disk, statesMax) ?? []) {
      await trial.tryState(state, cutAt, false);
      if (trial.isFull) return trial;
    }
  }
  return trial;
}

/** Calls after which a process may be killed, with the change that they made. */
const changing: ReadonlySet<string> = new Set([
  'open',
  'pwrite',
  'pwritev',
  'write',
  'writev',
  'ftruncate',
  'rename',
  'link',
  'unlink',
  'mkdir',
  'rmdir',
  'fsync',
  'fdatasync',
]);

/**
 * What a SIGKILL before, within or behind a call leaves, by the recording: the system keeps all that was written until then,
 * in whatever order it goes to the disk later. Stands for a process of its own, which takes fifty times as long; what a killed
 * process leaves in LMDB's table of readers, only real kills show.
 */
export async function tryReplayedKills(
  { scenario, root, events }: Recording,
  verifier: Verifier,
  { count, seed, thoroughEvery = 10, findingsMax = 10 }: CutOptions,
): Promise<Trial> {
  const fraction = seededFractions(seed);
  const from = firstCut(scenario, events);
  const calls = [...events.entries()].flatMap(([i, { call }]) => (i >= from && changing.has(call) ? [i] : []));
  const kills = Array.from({ length: count }, () => ({
    at: calls[Math.floor(fraction() * calls.length)] ?? 0,
    how: Math.floor(fraction() * 3),
  })).sort((a, b) => a.at - b.at || a.how - b.how);
  const disk = new DiskModel(root, newFolder());
  const trial = new RunningTrial(scenario, seed, verifier, findingsMax);
  let at = 0;
  for (const kill of kills) {
    for (; at < kill.at; at++) advance(disk, events[at], trial.words);
    const half = kill.how === 1 ? halfOf(events[at]) : undefined;
    // Half of a write is cut back from the model again: the whole of it comes with the next kill.
    const state = half === undefined ? everythingOn(disk) : disk.trying(half, () => everythingOn(disk));
    await trial.tryState(state, kill.at, (trial.tried + 1) % thoroughEvery === 0);
    if (trial.isFull) break;
  }
  return trial;
}

function everythingOn(disk: DiskModel): ReturnType<typeof cutPower> {
  return cutEvenly(disk, 'everything', 'everything');
}

/** A write of which the first half was done; undefined for a call that is done as a whole. */
function halfOf(event: FileEvent | undefined): FileEvent | undefined {
  if (event === undefined || event.data.length < 2) return undefined;
  const data = event.data.subarray(0, event.data.length >> 1);
  return { ...event, data, length: data.length, flags: 0 };
}

/** The first event behind the word from which a scenario is attacked. */
export function firstCut(scenario: string, events: readonly FileEvent[]): number {
  const { from } = scenarioNamed(scenario);
  return from === undefined ? 0 : events.findIndex(({ call, path }) => call === 'told' && path === from) + 1;
}

function advance(disk: DiskModel, event: FileEvent | undefined, words: string[]): void {
  if (event === undefined) return;
  if (event.call === 'told') words.push(event.path);
  else disk.apply(event);
}
