import { isAppError, toHex } from '#runtime';
import type { AllocationWatch } from './allocation-watch.ts';
import { mutateBytes } from './mutate-bytes.ts';
import { mutateProtobuf } from './mutate-protobuf.ts';
import { SeededRandom } from './seeded-random.ts';

/**
 * One door of the software that hostile input can reach. Inputs are made from seeds alone: no coverage guides them, since
 * no kept library does that for Node. Jazzer.js is deprecated on npm, and sees neither ES modules nor stripped types.
 */
export interface Target<T = unknown> {
  readonly name: string;
  /** Inputs in relation to other targets: less for slow ones. */
  readonly share: number;
  /** The input of one seed, with at most `mutationsMax` things wrong: fewer make a smaller failing input. */
  input(random: SeededRandom, mutationsMax: number): T;
  /** Returns when the input was taken, throws an AppError when it was refused; anything else that it throws is a defect. */
  run(input: T): void | Promise<void>;
  /** What it sets off may go on after `run`: the next turn is waited for. */
  readonly isAsync: boolean;
  /** Bytes of buffers that this input may take in all. */
  allocatedMax(input: T): number;
  show(input: T): string;
}

export interface Outcome {
  /** The refusal's code; undefined when the input was taken. */
  readonly code: string | undefined;
  readonly allocated: number;
}

/** What goes wrong with an input is a Defect: it says what, and keeps what was thrown. */
export class Defect extends Error {}

const mutationsDefault = 4;

export function inputOf<T>(target: Target<T>, number: number, mutationsMax = mutationsDefault): T {
  return target.input(new SeededRandom(target.name, number), mutationsMax);
}

/** Runs one input and judges what came of it; throws a Defect. */
export async function judge<T>(
  target: Target<T>,
  input: T,
  codes: ReadonlySet<string>,
  watch: AllocationWatch,
): Promise<Outcome> {
  let code: string | undefined;
  watch.reset();
  try {
    await target.run(input);
  } catch (error) {
    if (!isAppError(error)) throw new Defect('it threw what is no AppError', { cause: error });
    if (!codes.has(error.code)) throw new Defect(`its code "${error.code}" is not known`, { cause: error });
    if (error.advice === '') throw new Defect('its error has no advice', { cause: error });
    code = error.code;
  }
  const allocated = watch.total;
  const allowed = target.allocatedMax(input);
  if (allocated > allowed) throw new Defect(`it took ${allocated} bytes, of ${allowed} at most`);
  return { code, allocated };
}

export interface BytesTargetOptions {
  readonly name: string;
  readonly share?: number;
  readonly isAsync?: boolean;
  /** Real ones, as they were captured. */
  readonly seeds: readonly Uint8Array[];
  /** Whether seeds are protobuf messages, and are mutated field by field. */
  readonly protobuf?: boolean;
  /** Makes checksums, MACs or signatures right again, for half of the inputs: what checks them hides all behind it. */
  readonly mend?: (bytes: Uint8Array) => Uint8Array;
  readonly run: (bytes: Uint8Array) => void | Promise<void>;
  readonly allocatedMax?: (bytes: Uint8Array) => number;
}

/** A target that takes bytes: a seed with one to four things wrong. */
export function bytesTarget(options: BytesTargetOptions): Target<Uint8Array> {
  const { name, seeds, mend } = options;
  const mutate = options.protobuf === true ? mutateProtobuf : mutateBytes;
  if (seeds.length === 0) throw new Error(`${name} has no seed`);
  return {
    name,
    share: options.share ?? 1,
    isAsync: options.isAsync ?? false,
    input(random, mutationsMax) {
      let bytes = random.pick(seeds);
      const mends = mend !== undefined && random.chance(0.5);
      const mutations = Math.min(mutationsMax, 1 + random.below(mutationsDefault));
      for (let i = 0; i < mutations; i++) bytes = mutate(bytes, random, seeds);
      return mends ? mend(bytes) : bytes;
    },
    run: options.run,
    allocatedMax: options.allocatedMax ?? ((bytes) => 65_536 + 8 * bytes.length),
    show: (bytes) =>
      bytes.length > 4096 ? `${toHex(bytes.subarray(0, 4096))}... (${bytes.length} bytes)` : toHex(bytes),
  };
}

/** A target that takes a conversation: messages with some wrong, left out, repeated, exchanged or borrowed. */
export function conversationTarget(
  options: Omit<BytesTargetOptions, 'seeds' | 'run' | 'allocatedMax' | 'mend'> & {
    readonly seeds: readonly (readonly Uint8Array[])[];
    readonly run: (messages: readonly Uint8Array[]) => void | Promise<void>;
    readonly allocatedMax: (messages: readonly Uint8Array[]) => number;
  },
): Target<readonly Uint8Array[]> {
  const { name, seeds } = options;
  const all = seeds.flat();
  const mutate = options.protobuf === true ? mutateProtobuf : mutateBytes;
  return {
    name,
    share: options.share ?? 1,
    isAsync: options.isAsync ?? false,
    input(random, mutationsMax) {
      const messages = [...random.pick(seeds)];
      const mutations = Math.min(mutationsMax, 1 + random.below(mutationsDefault));
      for (let i = 0; i < mutations; i++) {
        const at = random.below(messages.length);
        const message = messages[at] ?? new Uint8Array(0);
        if (random.chance(0.6)) messages[at] = mutate(message, random, all);
        else if (random.chance(0.3)) messages.splice(at, 1);
        else if (random.chance(0.4)) messages.splice(at, 0, message);
        else if (random.chance(0.5)) messages.push(...messages.splice(at, 1));
        else messages.splice(at, 0, random.pick(all));
      }
      return messages;
    },
    run: options.run,
    allocatedMax: options.allocatedMax,
    show: (messages) => messages.map((message) => toHex(message.subarray(0, 2048))).join('\n'),
  };
}
