import type { Logger } from 'pino';
import type { AppError, Clock } from '#runtime';

export interface RefusalLogOptions {
  readonly logger: Logger;
  readonly clock: Clock;
}

/** The same of the same one is told once in so long: whoever does it again and again must not fill the disk with lines. */
const silenceMs = 60_000;
/** More than all codes of all peers that an appliance has. */
const rememberedMax = 4096;

/** Says in the log which peer or agent did what this site refuses: once for each one and reason, with a count of what came since. */
export class RefusalLog {
  readonly #options: RefusalLogOptions;
  readonly #told = new Map<string, { toldMs: number; more: number }>();

  constructor(options: RefusalLogOptions) {
    this.#options = options;
  }

  /** `service`: what the other end wanted. What passes by itself, and what the other end said first, is nobody's offence; to stall is one. */
  note(error: AppError, peer: string, service: string): void {
    const passes = error.retryable && error.code !== 'session_stalled';
    if (passes || error.code === 'channel_closed' || error.details.saidBy === 'the other site') return;
    const { logger, clock } = this.#options;
    const key = `${peer} ${service} ${error.code}`;
    const known = this.#told.get(key);
    const nowMs = clock.monotonicMs();
    if (known !== undefined && nowMs - known.toldMs < silenceMs) {
      known.more += 1;
      return;
    }
    this.#told.delete(key);
    this.#told.set(key, { toldMs: nowMs, more: 0 });
    const [oldest] = this.#told.keys();
    if (this.#told.size > rememberedMax && oldest !== undefined) this.#told.delete(oldest);
    const before = known === undefined || known.more === 0 ? {} : { timesBefore: known.more };
    logger.warn(
      { code: error.code, peer, advice: error.advice, ...before },
      `refused ${peer} (${service}): ${error.message}`,
    );
  }
}
