import type { Clock, Timer, Timers } from '#runtime';

export interface HeartbeatOptions {
  readonly intervalMs: number;
  /** After as much silence the other end is taken for dead; a multiple of the interval. */
  readonly deadAfterMs: number;
}

/** Small against what a line costs, and three in a row are lost only with the line. */
export const defaultHeartbeat: HeartbeatOptions = { intervalMs: 5000, deadAfterMs: 15_000 };

export interface HeartbeatEvents {
  sendPing(echo: Uint8Array): void;
  dead(silentMs: number): void;
}

/**
 * Pings at an interval, measures the round trip, and finds the other end dead. Silence is counted in intervals and not read
 * from the clock: a machine that slept for an hour has missed one interval only, and nobody's death is proved by that.
 */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #events: HeartbeatEvents;
  #timer: Timer | undefined;
  #heardFrame = true;
  #silentIntervals = 0;
  #pings = 0;
  #pingSentMs = 0;
  #roundTripMs: number | undefined;

  constructor(options: HeartbeatOptions, clock: Clock, timers: Timers, events: HeartbeatEvents) {
    this.#options = options;
    this.#clock = clock;
    this.#timers = timers;
    this.#events = events;
  }

  /** The newest measured round trip, queueing at both ends included. */
  get roundTripMs(): number | undefined {
    return this.#roundTripMs;
  }

  start(): void {
    this.#ping();
    this.#timer = this.#timers.after(this.#options.intervalMs, () => this.#tick());
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  heard(): void {
    this.#heardFrame = true;
  }

  pong(echo: Uint8Array): void {
    if (Buffer.from(echo).readBigUInt64BE() !== BigInt(this.#pings)) return;
    this.#roundTripMs = this.#clock.monotonicMs() - this.#pingSentMs;
  }

  #tick(): void {
    const { intervalMs, deadAfterMs } = this.#options;
    this.#silentIntervals = this.#heardFrame ? 0 : this.#silentIntervals + 1;
    this.#heardFrame = false;
    if (this.#silentIntervals * intervalMs >= deadAfterMs) {
      this.#events.dead(this.#silentIntervals * intervalMs);
      return;
    }
    this.#ping();
    this.#timer = this.#timers.after(intervalMs, () => this.#tick());
  }

  #ping(): void {
    this.#pings += 1;
    this.#pingSentMs = this.#clock.monotonicMs();
    const echo = Buffer.alloc(8);
    echo.writeBigUInt64BE(BigInt(this.#pings));
    this.#events.sendPing(echo);
  }
}
