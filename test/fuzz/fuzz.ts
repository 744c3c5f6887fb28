import { Worker } from 'node:worker_threads';

/** How much of what to try. */
export interface FuzzOrder {
  /** Of all targets together. */
  readonly inputs: number;
  /** The first seed: another one gives other inputs. */
  readonly from: number;
  /** Names of targets begin so; all targets when not given. */
  readonly only?: string | undefined;
}

/** What came of one target's inputs. */
export interface FuzzShare {
  readonly name: string;
  inputs: number;
  taken: number;
  readonly refused: Record<string, number>;
  slowestMs: number;
  mostAllocated: number;
}

export interface Failure {
  readonly name: string;
  readonly number: number;
  readonly why: string;
  readonly input: string;
}

export interface FuzzReport {
  readonly shares: readonly FuzzShare[];
  readonly failures: readonly Failure[];
  /** Resident memory of the process, sampled while it ran. */
  readonly rssSamples: readonly number[];
}

/** What the thread says. */
export type Message =
  | { readonly type: 'begin'; readonly name: string }
  | { readonly type: 'failure'; readonly failure: Failure }
  | { readonly type: 'share'; readonly share: FuzzShare }
  | { readonly type: 'end' };

// Far beyond what any input takes, however busy the machine: an input that is still there then hangs.
const stalledMs = 30_000;
const watchMs = 1000;

/**
 * Runs inputs against targets in a thread of their own, so that one that hangs can be named and ended. A target stops at
 * its first failure, which is made smaller where fewer mutations fail as well.
 */
export async function fuzz(
  order: FuzzOrder,
  onShare: (share: FuzzShare) => void = () => undefined,
): Promise<FuzzReport> {
  const state = new Int32Array(new SharedArrayBuffer(12));
  const worker = new Worker(new URL('./fuzz.worker.ts', import.meta.url), { workerData: { ...order, state } });
  const [shares, failures, rssSamples]: [FuzzShare[], Failure[], number[]] = [[], [], []];
  let current = 'the making of targets';
  const ended = Promise.withResolvers<void>();
  worker.on('message', (message: Message) => {
    if (message.type === 'begin') current = message.name;
    else if (message.type === 'failure') failures.push(message.failure);
    else if (message.type === 'share') {
      shares.push(message.share);
      onShare(message.share);
    } else ended.resolve();
  });
  const broken = (why: string) => {
    failures.push({ name: current, number: Atomics.load(state, 2), why, input: 'replay it to see it' });
    ended.resolve();
  };
  worker.on('error', (error) => broken(`the thread ended: ${String(error)}`));
  // 13: it waits for what nothing will settle.
  worker.on('exit', (code) => {
    if (code !== 0) broken(code === 13 ? 'it waits for ever' : `the thread ended with ${code}`);
  });
  let [last, sinceMs] = [-1, performance.now()];
  const watch = setInterval(() => {
    rssSamples.push(process.memoryUsage.rss());
    const count = Atomics.load(state, 0);
    if (count !== last) [last, sinceMs] = [count, performance.now()];
    else if (performance.now() - sinceMs > stalledMs) broken('it hangs');
  }, watchMs);
  await ended.promise;
  clearInterval(watch);
  worker.removeAllListeners('exit');
  await worker.terminate();
  return { shares, failures, rssSamples };
}

/** A failure with the command that runs it again. */
export function tellFailure({ name, number, why, input }: Failure): string {
  const command = `SITEPAIR_FUZZ=${name}:${number} node --test test/fuzz/fuzz.test.ts`;
  return `${name}, seed ${number}\n${why}\ninput: ${input}\nagain: ${command}`;
}

/** One line a target: how many inputs, what came of them, what they cost. */
export function tellShare({ name, inputs, taken, refused, slowestMs, mostAllocated }: FuzzShare): string {
  const codes = Object.entries(refused)
    .sort(([, a], [, b]) => b - a)
    .map(([code, count]) => `${code} ${count}`);
  const cost = `slowest ${slowestMs.toFixed(0)} ms, most ${Math.ceil(mostAllocated / 1024)} KiB`;
  return `${name}: ${inputs} inputs, ${taken} taken, ${cost}; ${codes.join(', ')}`;
}
