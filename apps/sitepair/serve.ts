import { once } from 'node:events';
import { pino } from 'pino';
import { isAppError, systemClock, systemRandom, systemTimers } from '#runtime';
import { buildApi } from './api/build-api.ts';
import { ConnectedClients } from './api/connected-clients.ts';
import { listenOnControlSocket } from './api/control-socket.ts';
import { Appliance } from './appliance/appliance.ts';
import { lockState, readSiteFile, stateOwner } from './appliance/state-folder.ts';
import { readServeSettings } from './serve-settings.ts';

export interface ServeOptions {
  readonly state: string;
  readonly listen?: string;
  readonly configFile?: string;
  /** Serves one command, which holds our stdin open, and leaves with it. */
  readonly private: boolean;
}

/** A command that works on the state by itself is mostly done within seconds; one that backs up terabytes is not. */
const statePatienceMs = 5000;
const statePauseMs = 100;

/** Runs an appliance until it is told to stop: the wiring of everything. Only here are clock, chance and configuration chosen. */
export async function serve(options: ServeOptions): Promise<void> {
  const { name } = readSiteFile(options.state);
  becomeOwner(options.state);
  const settings = readServeSettings(options.configFile, options.listen);
  using _lock = await takeState(options);
  const logger = pino({ level: options.private ? 'warn' : settings.logLevel, base: null }, pino.destination(2));
  await using appliance = await Appliance.open(options.state, {
    clock: systemClock,
    timers: systemTimers,
    random: systemRandom,
    logger,
  });
  await using api = closing(buildApi(appliance.operations, { logger }));
  const clients = new ConnectedClients(api.server.server);
  if (!options.private && settings.listen !== undefined) await appliance.listen(settings.listen);
  await listenOnControlSocket(api.server, options.state);
  await appliance.start();
  // Before anybody is told that this runs: whoever hears it may stop it at once.
  const told = untilTold(options, clients);
  process.stdout.write(`${readyLine(options, name, appliance.listening)}\n`);
  logger.info({ site: name, state: options.state }, 'serving');
  await told;
  logger.info('stopping');
}

/** Whatever ends the appliance, the API is closed before the parts that it speaks for. */
function closing(server: ReturnType<typeof buildApi>) {
  return { server, [Symbol.asyncDispose]: () => server.close() };
}

function readyLine({ private: isPrivate, state }: ServeOptions, site: string, listening: readonly string[]): string {
  if (isPrivate) return JSON.stringify({ ready: true });
  const where =
    listening.length > 0 ? `peers reach it at ${listening.join(', ')}` : 'it dials its peers and is not dialled';
  return `Site ${site} is up on ${state}: ${where}. Stop it with Ctrl-C.`;
}

/** Resolves on SIGTERM or Ctrl-C, or when the commands that need this appliance have gone. */
async function untilTold({ private: isPrivate }: ServeOptions, clients: ConnectedClients): Promise<void> {
  const told: Promise<unknown>[] = [once(process, 'SIGTERM'), once(process, 'SIGINT')];
  if (isPrivate) {
    process.stdin.resume();
    const released = Promise.race([once(process.stdin, 'close'), once(process.stdin, 'end')]);
    // Other commands may have found it in the meantime: it is theirs as well.
    told.push(released.then(() => clients.whenNone()));
  }
  await Promise.race(told);
}

/** Takes the state for this process. An appliance that a command has for itself leaves soon: `serve` waits a little for it. */
async function takeState({ state, private: isPrivate }: ServeOptions): Promise<Disposable> {
  for (let waitedMs = 0; ; waitedMs += statePauseMs) {
    try {
      return lockState(state);
    } catch (error) {
      if (!isAppError(error, 'state_in_use') || isPrivate || waitedMs >= statePatienceMs) throw error;
      if (waitedMs === 0)
        process.stderr.write(`Another process uses ${state}: waiting ${statePatienceMs / 1000} s for it to leave.\n`);
      await systemTimers.sleep(statePauseMs);
    }
  }
}

/** Root serves as the owner of the state: what talks to the network never has root's rights when it need not. */
function becomeOwner(state: string): void {
  const { uid, gid } = stateOwner(state);
  if (process.geteuid?.() !== 0 || uid === 0) return;
  process.setgroups?.([gid]);
  process.setgid?.(gid);
  process.setuid?.(uid);
}
