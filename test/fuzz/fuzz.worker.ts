import { inspect } from 'node:util';
import { parentPort, workerData } from 'node:worker_threads';
import { allTargets } from './all-targets.ts';
import { watchAllocations } from './allocation-watch.ts';
import type { Failure, FuzzOrder, FuzzShare, Message } from './fuzz.ts';
import { knownCodes } from './known-codes.ts';
import { inputOf, judge, type Target } from './target.ts';

const { inputs, from, only, state } = workerData as FuzzOrder & { readonly state: Int32Array };
const codes = knownCodes();
const watch = watchAllocations();

// What is rejected and awaited by nobody, or thrown in a turn of its own, belongs to one of the last few inputs.
let escaped: unknown;
process.on('unhandledRejection', (error) => {
  escaped ??= error;
});
process.on('uncaughtException', (error) => {
  escaped ??= error;
});

const targets = await allTargets(only).catch((error: unknown) => {
  const failure = { name: 'the making of targets', number: 0, why: inspect(error), input: '' };
  parentPort?.postMessage({ type: 'failure', failure } satisfies Message);
  return [];
});
const shares = targets.reduce((sum, target) => sum + target.share, 0);
for (const [index, target] of targets.entries()) {
  const count = Math.max(1, Math.round((inputs * target.share) / shares));
  await runTarget(target, index, count);
}
parentPort?.postMessage({ type: 'end' });

async function runTarget(target: Target, index: number, count: number): Promise<void> {
  parentPort?.postMessage({ type: 'begin', name: target.name });
  const share: FuzzShare = { name: target.name, inputs: 0, taken: 0, refused: {}, slowestMs: 0, mostAllocated: 0 };
  for (let number = from; number < from + count; number++) {
    Atomics.store(state, 1, index);
    Atomics.store(state, 2, number);
    Atomics.add(state, 0, 1);
    const startedMs = performance.now();
    const failure = await runInput(target, number, share);
    share.slowestMs = Math.max(share.slowestMs, performance.now() - startedMs);
    share.inputs += 1;
    if (failure === undefined) continue;
    parentPort?.postMessage({ type: 'failure', failure });
    break;
  }
  parentPort?.postMessage({ type: 'share', share });
}

async function runInput(target: Target, number: number, share: FuzzShare): Promise<Failure | undefined> {
  const input = inputOf(target, number);
  const defect = await defectOf(target, input, share);
  if (defect === undefined) return undefined;
  for (let mutations = 1; mutations <= 3; mutations++) {
    const smaller = inputOf(target, number, mutations);
    const same = await defectOf(target, smaller, undefined);
    if (same !== undefined) return failureOf(target, number, smaller, same);
  }
  return failureOf(target, number, input, defect);
}

async function defectOf(target: Target, input: unknown, share: FuzzShare | undefined): Promise<unknown> {
  try {
    const { code, allocated } = await judge(target, input, codes, watch);
    if (target.isAsync) await new Promise(setImmediate);
    if (escaped !== undefined) {
      const error = escaped;
      escaped = undefined;
      return new Error('an error escaped: nobody awaited it', { cause: error });
    }
    if (share === undefined) return undefined;
    share.mostAllocated = Math.max(share.mostAllocated, allocated);
    if (code === undefined) share.taken += 1;
    else share.refused[code] = (share.refused[code] ?? 0) + 1;
    return undefined;
  } catch (defect) {
    return defect;
  }
}

function failureOf(target: Target, number: number, input: unknown, defect: unknown): Failure {
  return { name: target.name, number, why: inspect(defect, { depth: 4 }), input: target.show(input) };
}
