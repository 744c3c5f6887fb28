import type { Clock, Timer, Timers } from '#runtime';
import type { Disk } from './disk.ts';
import type { Event } from './event-queue.ts';
import { type Machine, onMachine } from './machine.ts';
import type { Network } from './network.ts';
import type { SeededRandom } from './random.ts';

/** How often a link's ends say that they live: libs/link/heartbeat.ts. A timer of just this length is taken for one. */
const heartbeatMs = 5000;

export interface LifeOptions {
  readonly site: string;
  readonly address: string;
  readonly disk: Disk;
  readonly network: Network;
  readonly random: SeededRandom;
  /** The same for all lives between two losses of power. */
  readonly bootId: string;
  /** What the site's clock shows beyond simulated time; asked each time, since clocks jump. */
  readonly clockOffsetMs: () => number;
  /** Heartbeats come this many times more rarely: quiet years are simulated faster. */
  readonly heartbeatStretch: number;
}

const epochMs = Date.UTC(2026, 0, 1);

/** A process of a site, from its start to its end. */
export class Life implements Machine {
  readonly site: string;
  readonly address: string;
  readonly bootId: string;
  readonly disk: Disk;
  readonly network: Network;
  readonly random: SeededRandom;
  readonly clock: Clock;
  readonly timers: Timers;
  alive = true;
  operationsLeft = Number.POSITIVE_INFINITY;
  onOperationsUsedUp: () => void = () => undefined;
  readonly #heartbeatStretch: number;

  constructor(options: LifeOptions) {
    const { network, clockOffsetMs } = options;
    [this.site, this.address, this.bootId] = [options.site, options.address, options.bootId];
    [this.disk, this.network, this.random] = [options.disk, network, options.random];
    this.#heartbeatStretch = options.heartbeatStretch;
    this.clock = {
      nowMs: () => epochMs + network.queue.nowMs + clockOffsetMs(),
      monotonicMs: () => network.queue.nowMs,
    };
    this.timers = {
      after: (delayMs, run) => this.#timer(delayMs, run),
      sleep: (delayMs, signal) => this.#sleep(delayMs, signal),
    };
  }

  after(delayMs: number, what: string, work: () => void): Event & { cancel(): void } {
    return this.#add(delayMs, `${this.site}: ${what}`, work, false);
  }

  /** Ends this life: what it has under way goes no further. */
  end(isPowerCut: boolean): void {
    this.alive = false;
    this.network.machineDied(this, isPowerCut);
  }

  #timer(delayMs: number, run: () => void): Timer {
    const isHeartbeat = delayMs === heartbeatMs;
    return this.#add(isHeartbeat ? delayMs * this.#heartbeatStretch : delayMs, `${this.site}: timer`, run, isHeartbeat);
  }

  #sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const onAbort = () => {
        timer.cancel();
        reject(signal?.reason);
      };
      const timer = this.after(delayMs, 'sleep is over', () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      });
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  #add(delayMs: number, what: string, work: () => void, isHeartbeat: boolean): Event & { cancel(): void } {
    const run = () => {
      if (this.alive) onMachine(this, work);
    };
    const event = this.network.queue.add(delayMs, what, run, isHeartbeat);
    return Object.assign(event, {
      cancel: () => {
        event.cancelled = true;
      },
    });
  }
}
