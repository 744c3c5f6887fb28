import type { Logger } from 'pino';
import type { Clock, Random, Timers } from '#runtime';

/** What an appliance takes from outside: time, chance, and somewhere to say what it does. */
export interface ApplianceEnvironment {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly logger: Logger;
}
