import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { systemTimers } from '#runtime';
import { seededFractions } from '../kit/kill-trial.ts';
import { firstCut, type Recording } from './cut-trial.ts';
import { readFailure } from './failure-line.ts';
import { readRecording } from './recording.ts';
import { type ShimTask, shimEnvironment } from './shim.ts';
import type { Verifier } from './verifier.ts';

const program = join(import.meta.dirname, 'run-scenario.ts');

/** What happens to a process at one of its calls. */
export type Mishap = { readonly kill: string } | { readonly fail: string };

export interface MishapFinding {
  readonly mishap: string;
  readonly lastWord: string;
  readonly problems: readonly string[];
}

export interface MishapTrial {
  readonly tried: number;
  /** Of those, how often the call was reached. */
  readonly struck: number;
  /** How the processes ended. */
  readonly ends: ReadonlyMap<string, number>;
  readonly findings: readonly MishapFinding[];
}

/** Calls that change something, as the shim counts them. */
const calls = [
  'pwrite',
  'pwritev',
  'write',
  'writev',
  'ftruncate',
  'rename',
  'unlink',
  'fsync',
  'fdatasync',
  'create',
  'mkdir',
];
const reads = ['read', 'read', 'read', 'open'] as const;
const errors = [
  ['ENOSPC', 28],
  ['EIO', 5],
  ['EMFILE', 24],
] as const;

/** lmdb-js ends the process with a signal when its lock file cannot be made longer; no disk refuses that. */
const neverFails: ReadonlySet<string> = new Set(['ftruncate']);

/** Mishaps at calls of the part of a recording that is attacked, spread over all kinds of calls. */
export function chooseMishaps(
  recording: Recording,
  what: 'kill' | 'fail' | 'fail read',
  count: number,
  seed: number,
): Mishap[] {
  const fraction = seededFractions(seed);
  const pick = <T>(from: readonly T[]): T => from[Math.floor(fraction() * from.length)] as T;
  const from = firstCut(recording.scenario, recording.events);
  const nth = (call: string) => {
    const indices = recording.events.flatMap((event, i) => (isCall(event, call) ? [i] : []));
    const before = indices.filter((i) => i < from).length;
    return before + 1 + Math.floor(fraction() * Math.max(1, indices.length - before));
  };
  return Array.from({ length: count }, () => {
    const call = pick(what === 'fail read' ? reads : calls.filter((one) => what === 'kill' || !neverFails.has(one)));
    if (what === 'kill') return { kill: `${call}:${nth(call)}:${pick(['before', 'half', 'after'])}` };
    if (what === 'fail read') return { fail: `${call}:${nth(call)}:5:${pick(['once', 'once', 'on'])}` };
    const [, number] = call === 'create' ? pick(errors) : pick(errors.slice(0, 2));
    return { fail: `${call}:${nth(call)}:${number}:${pick(['once', 'once', 'on'])}` };
  });
}

function isCall(event: Recording['events'][number], call: string): boolean {
  return call === 'create' ? event.call === 'open' && (event.flags & 1) !== 0 : event.call === call;
}

/** Runs a scenario again for each mishap, then opens what it left. */
export async function tryMishaps(
  folder: string,
  library: string,
  scenario: string,
  mishaps: readonly Mishap[],
  verifier: Verifier,
): Promise<MishapTrial> {
  const findings: MishapFinding[] = [];
  const ends = new Map<string, number>();
  let struck = 0;
  for (const mishap of mishaps) {
    const place = mkdtempSync(join(folder, 'mishap-'));
    try {
      const { root, words, end, wasStruck } = await runWith(place, library, scenario, mishap);
      if (wasStruck) struck += 1;
      ends.set(end.kind, (ends.get(end.kind) ?? 0) + 1);
      const problems = badEnds.has(end.kind) ? [`it ended badly (${end.kind}): ${end.told}`] : [];
      problems.push(...(await verifier.verifyFolder(scenario, root, words, true)));
      if (problems.length > 0)
        findings.push({ mishap: JSON.stringify(mishap), lastWord: words.at(-1) ?? '', problems });
    } finally {
      rmSync(place, { recursive: true, force: true });
    }
  }
  return { tried: mishaps.length, struck, ends, findings };
}

interface End {
  readonly kind: 'done' | 'killed' | 'typed' | 'gave up' | 'untyped' | 'uncaught' | 'signal';
  readonly told: string;
}

const badEnds: ReadonlySet<End['kind']> = new Set(['untyped', 'uncaught', 'signal']);

/** A run that waits for something that its mishap has prevented is ended after this. */
const patienceMs = 40_000;

async function runWith(place: string, library: string, scenario: string, mishap: Mishap) {
  const [root, log, struckFile] = [join(place, 'disk'), join(place, 'recording'), join(place, 'struck')];
  mkdirSync(root);
  const task: ShimTask = { root, log, told: struckFile, syncMicroseconds: 0, ...mishap };
  const child = spawn(process.execPath, [program, scenario, root, log], {
    env: { ...shimEnvironment(library, task), SCENARIO_PATIENCE_MS: '5000' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const tired = systemTimers.after(patienceMs, () => child.kill('SIGTERM'));
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  tired.cancel();
  const words = existsSync(log) ? readRecording(log).filter(({ call }) => call === 'told') : [];
  const wasStruck = existsSync(struckFile);
  return { root, words: words.map(({ path }) => path), end: endOf(code, signal, stderr, wasStruck), wasStruck };
}

function endOf(code: number | null, signal: string | null, stderr: string, wasStruck: boolean): End {
  const failure = readFailure(stderr);
  const told = `${signal ?? code} ${failure?.errors.map((one) => one.told).join('; hides ') ?? stderr}`.slice(0, 2500);
  if (code === 0) return { kind: 'done', told };
  if (signal === 'SIGKILL' && wasStruck) return { kind: 'killed', told };
  if (signal === 'SIGTERM') return { kind: 'gave up', told };
  if (signal !== null) return { kind: 'signal', told };
  if (failure === undefined) return { kind: 'untyped', told };
  if (failure.isUncaught) return { kind: 'uncaught', told };
  const strange = failure.errors.filter((one) => !one.isTyped && !one.isOwn);
  if (strange.length > 0) return { kind: 'untyped', told };
  return { kind: failure.errors.every(({ isTyped }) => isTyped) ? 'typed' : 'gave up', told };
}
