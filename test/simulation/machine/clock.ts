// Stands in for libs/runtime/clock.ts: the "system's" clock and timers are those of the machine whose code is running.
import type { Clock, Timers } from '#runtime';
import { runningMachine } from './machine.ts';

export const systemClock: Clock = {
  nowMs: () => runningMachine().clock.nowMs(),
  monotonicMs: () => runningMachine().clock.monotonicMs(),
};

export const systemTimers: Timers = {
  after: (delayMs, run) => runningMachine().timers.after(delayMs, run),
  sleep: (delayMs, signal) => runningMachine().timers.sleep(delayMs, signal),
};
