import { AsyncLocalStorage } from 'node:async_hooks';
import type { Clock, Random, Timers } from '#runtime';
import type { Disk } from './disk.ts';
import type { Network } from './network.ts';

/** Paths below this lie on the disk of the machine that names them; all others are the real machine's. */
export const mountPoint = '/simulated';

/** What a killed process runs into, wherever it was. Nobody catches it on purpose; everything after it is inert. */
export class MachineKilled extends Error {
  constructor(what: string) {
    super(`the simulated machine was killed at: ${what}`);
    this.name = 'MachineKilled';
  }
}

/** One life of one process of a site: from its start until it is killed. What it began does not outlive it. */
export interface Machine {
  readonly site: string;
  /** Where peers dial: HOST:PORT. */
  readonly address: string;
  readonly bootId: string;
  readonly disk: Disk;
  readonly network: Network;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  alive: boolean;
  /** Counts down with each operation on the disk that changes it; at 0 the machine dies in the middle of it. */
  operationsLeft: number;
  /** Called when `operationsLeft` is used up. */
  onOperationsUsedUp: () => void;
  /** Runs `work` later, if this life goes on until then. */
  after(delayMs: number, what: string, work: () => void): { cancel(): void };
}

const context = new AsyncLocalStorage<Machine | undefined>();

/** The machine whose code is running now, through all its awaits and timers; undefined in the simulator itself. */
export function currentMachine(): Machine | undefined {
  return context.getStore();
}

/** The same, where only code of a machine comes. */
export function runningMachine(): Machine {
  const machine = context.getStore();
  if (machine === undefined) throw new Error('bug: code of a site runs outside of any machine');
  return machine;
}

/** Runs `work` as code of `machine`. */
export function onMachine<T>(machine: Machine | undefined, work: () => T): T {
  return context.run(machine, work);
}

/** Before each operation that changes the disk: the machine may die here. */
export function beforeOperation(machine: Machine, what: string): void {
  if (!machine.alive) throw new MachineKilled(what);
  machine.operationsLeft -= 1;
  if (machine.operationsLeft > 0) return;
  machine.onOperationsUsedUp();
  throw new MachineKilled(what);
}

/** True for what a killed machine threw, however wrapped. */
export function isFromKilled(error: unknown): boolean {
  if (error instanceof MachineKilled) return true;
  if (error instanceof AggregateError && error.errors.some(isFromKilled)) return true;
  return error instanceof Error && error.cause !== undefined && isFromKilled(error.cause);
}
