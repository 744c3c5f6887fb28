import { availableParallelism } from 'node:os';
import { performance } from 'node:perf_hooks';
import type { EndLoad } from '#health';
import type { Clock } from '#runtime';
import type { DiskWaits } from './measured-volumes.ts';

/** How busy this process and its disk were between two looks. */
export class OwnLoad {
  readonly #clock: Clock;
  readonly #disk: DiskWaits;
  #atMs: number;
  #loop = performance.eventLoopUtilization();
  #processor = process.cpuUsage();
  #readMs = 0;
  #writeMs = 0;

  constructor(clock: Clock, disk: DiskWaits) {
    this.#clock = clock;
    this.#disk = disk;
    this.#atMs = clock.monotonicMs();
  }

  /** Since the last look. */
  look(): EndLoad {
    const { reads, writes } = this.#disk;
    const nowMs = this.#clock.monotonicMs();
    const passedMs = Math.max(1, nowMs - this.#atMs);
    const { utilization } = performance.eventLoopUtilization(this.#loop);
    const { user, system } = process.cpuUsage(this.#processor);
    const processor = Math.max(utilization, (user + system) / 1000 / passedMs / availableParallelism());
    const load = {
      processor: share(processor),
      diskRead: share((reads.busyMs - this.#readMs) / passedMs),
      diskWrite: share((writes.busyMs - this.#writeMs) / passedMs),
    };
    this.#atMs = nowMs;
    this.#loop = performance.eventLoopUtilization();
    this.#processor = process.cpuUsage();
    [this.#readMs, this.#writeMs] = [reads.busyMs, writes.busyMs];
    return load;
  }
}

function share(value: number): number {
  return Math.min(1, Math.max(0, value));
}
