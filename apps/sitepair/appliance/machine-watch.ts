import { diskLayout, mem } from 'systeminformation';
import type { Timer, Timers } from '#runtime';
import type { Volumes } from '#targets';

/** How the machine is, as far as an appliance cares. */
export interface MachineFacts {
  /** Of the volume that the packs lie on. */
  readonly freeBytes: number;
  readonly memoryAvailableBytes: number;
  /** Disks whose own self-test (SMART) says that they are failing; empty where nobody may ask them. */
  readonly failingDisks: readonly string[];
}

const refreshMs = 60_000;

/** Looks at disk, memory and self-tests once a minute: asking takes long on some machines, and a status must not wait. */
export class MachineWatch implements Disposable {
  readonly #volumes: Volumes;
  readonly #timers: Timers;
  readonly #onFailure: (error: unknown) => void;
  #facts: MachineFacts | undefined;
  #timer: Timer | undefined;
  #stopped = false;

  constructor(volumes: Volumes, timers: Timers, onFailure: (error: unknown) => void) {
    [this.#volumes, this.#timers, this.#onFailure] = [volumes, timers, onFailure];
  }

  /** Undefined until the first look is over. */
  get facts(): MachineFacts | undefined {
    return this.#facts;
  }

  /** Resolves when the first look is over; goes on looking until it is disposed of. */
  async start(): Promise<void> {
    await this.#look().catch(this.#onFailure);
    if (!this.#stopped) this.#timer = this.#timers.after(refreshMs, () => void this.start());
  }

  [Symbol.dispose](): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  async #look(): Promise<void> {
    const [freeBytes, memory, disks] = await Promise.all([this.#volumes.freeBytes(), mem(), diskLayout()]);
    const failingDisks = disks
      .filter(
        ({ smartStatus }) =>
          !['', 'ok', 'passed', 'unknown', 'not supported'].includes((smartStatus ?? '').toLowerCase()),
      )
      .map(({ device, name, smartStatus }) => `${name || device} (${smartStatus})`);
    this.#facts = { freeBytes, memoryAvailableBytes: memory.available, failingDisks };
  }
}
