import { existsSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import type { Channel, Mux } from '#link';
import { AppError, assert, isAppError, systemClock, systemCode, systemTimers } from '#runtime';
import { controlSocketPath } from '../api/control-socket.ts';
import { clientProtocolPath } from '../api/route-table.ts';
import { agentFilePath } from '../appliance/agent-file-path.ts';
import { ApiClient, type ApplianceApi } from './api-client.ts';
import { startPrivateAppliance } from './private-appliance.ts';

/**
 * An appliance that this process may ask: the one that runs here, a private one that lives as long as this connection, or
 * the one elsewhere whose agent this machine is.
 */
export interface ApplianceConnection extends AsyncDisposable {
  readonly api: ApplianceApi;
  /** True when the appliance ends with this connection. */
  readonly isPrivate: boolean;
  /** Opens a channel of the client protocol: "upload" or "read". */
  open(service: string): Promise<Channel>;
}

// The appliance answers at once or never: it is on this machine.
const dialTimeoutMs = 10_000;

// An appliance that starts or stops holds the state for a moment, without a control socket.
const stateInUseTriesMax = 20;
const stateInUsePauseMs = 500;

/**
 * Connects to the appliance of a state folder; when none runs, starts one for this connection only. From the folder of an
 * agent it dials the agent's appliance. Errors: `state_missing`, `state_forbidden`, what keeps an appliance from starting,
 * `appliance_unreachable`, `agent_refused`.
 */
export async function connectAppliance(stateFolder: string): Promise<ApplianceConnection> {
  if (existsSync(agentFilePath(stateFolder))) {
    const { connectAgent } = await import('./connect-agent.ts');
    return connectAgent(stateFolder);
  }
  const reached = await reachAppliance(stateFolder);
  const muxes: Mux[] = [];
  return {
    api: new ApiClient(stateFolder),
    isPrivate: reached.isPrivate,
    async open(service) {
      const mux = await openMux(stateFolder);
      muxes.push(mux);
      return mux.open(service);
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(muxes.map((mux) => mux.close()));
      await reached[Symbol.asyncDispose]();
    },
  };
}

interface Reached extends AsyncDisposable {
  readonly isPrivate: boolean;
}

/** The appliance that runs, or the one that was started. */
async function reachAppliance(stateFolder: string): Promise<Reached> {
  for (let tries = 1; ; tries++) {
    const held = await hold(stateFolder);
    if (held !== undefined) return { isPrivate: false, [Symbol.asyncDispose]: async () => void held.destroy() };
    // What only some commands need is loaded when they need it: the others answer in half the time.
    const { readSiteFile } = await import('../appliance/state-folder.ts');
    readSiteFile(stateFolder);
    try {
      const started = await startPrivateAppliance(stateFolder);
      return { isPrivate: true, [Symbol.asyncDispose]: () => started[Symbol.asyncDispose]() };
    } catch (error) {
      if (!isAppError(error, 'state_in_use') || tries === stateInUseTriesMax) throw error;
      await systemTimers.sleep(stateInUsePauseMs);
    }
  }
}

/**
 * Connects to the appliance that runs, if one does, and stays connected: one that was started for another command then
 * leaves only after this one, too.
 */
async function hold(stateFolder: string): Promise<Socket | undefined> {
  try {
    using name = controlSocketPath(stateFolder);
    const socket = connect(name.path);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    socket.once('connect', resolve).once('error', reject);
    await promise;
    // Whatever ends it, what is asked of the appliance fails then and says so.
    socket.on('error', () => socket.destroy()).unref();
    return socket;
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ECONNREFUSED') return undefined;
    if (code === 'EACCES' || code === 'EPERM') throw stateForbidden(stateFolder, error);
    throw error;
  }
}

async function openMux(stateFolder: string): Promise<Mux> {
  const { dialUnixWebSocket, Mux } = await import('#link');
  using name = controlSocketPath(stateFolder);
  const options = { timers: systemTimers, timeoutMs: dialTimeoutMs };
  return new Mux(await dialUnixWebSocket(name.path, clientProtocolPath, options), {
    isDialler: true,
    clock: systemClock,
    timers: systemTimers,
    heartbeat: false,
    onHandlerError: (error) => assert(false, `an appliance asks nothing of its client: ${error}`),
  });
}

function stateForbidden(stateFolder: string, cause: unknown): AppError {
  return new AppError(`you may not use the appliance in ${stateFolder}`, {
    code: 'state_forbidden',
    advice: 'Run the command as root or as the user that owns the state folder.',
    cause,
  });
}
