import { equalBytes, isAppError } from '#runtime';
import type { DoorPurpose, Entry } from './first-message.ts';
import { linkVersions } from './first-message.ts';
import { call, type Greeting } from './handshake.ts';
import { Link } from './link.ts';
import { doorTimedOut, handshakeFailed } from './link-errors.ts';
import type { Hello } from './link-messages.ts';
import {
  dataConnectionsMax,
  handshakeTimeoutMs,
  helloOf,
  type LinkSettings,
  type PairSecret,
} from './link-settings.ts';
import { Mux } from './mux.ts';
import { retryDelayMs } from './retry-delay.ts';
import type { WebSocketConduit } from './websocket-conduit.ts';
import { dialWebSocket } from './websocket-dial.ts';

/** What somebody who came through a door has: a mux, and what the handshake proved. */
export interface DoorSession {
  readonly mux: Mux;
  readonly handshakeHash: Uint8Array;
  /** Secret: a new pair's PSK is drawn from it and the hash. */
  readonly chainingKey: Uint8Array;
  readonly remoteStatic: Uint8Array;
  readonly hello: Hello;
  readonly version: number;
  /** Where the other end is, as this one sees it. */
  readonly address: string;
}

/**
 * How long a door stays open for whoever came through: both ends say who they are, at once and without asking anybody, in a
 * few kilobytes. A minute is enough over a modem; somebody who only holds an invitation keeps nothing for longer.
 */
export const doorMsMax = 60_000;

/**
 * Dials a peer once. `onLink` gets the link as soon as the peer is known, in the turn in which services can be registered;
 * the promise resolves when a data connection is up as well. Lost data connections are dialled again while the link lives.
 * Rejects with `dial_failed`, `handshake_failed`, `version_too_old`, `version_too_new`, or what the peer closed it with.
 */
export async function dialLink(
  address: string,
  pair: PairSecret,
  settings: LinkSettings,
  onLink: (link: Link) => void,
): Promise<Link> {
  const greeting = await dialEntry(address, 'control', pair, settings);
  const link = new Link(greeting, pair, true, settings);
  onLink(link);
  const wanted = Math.min(settings.dataConnections ?? 1, dataConnectionsMax);
  for (let index = 0; index < wanted; index += 1) void keepData(address, link, settings);
  await link.whenUp();
  return link;
}

/** Dials a door: the handshake is XXpsk0 under `psk`. Rejects like dialLink. */
export async function dialDoor(
  address: string,
  door: { readonly psk: Uint8Array; readonly purpose: DoorPurpose },
  settings: LinkSettings,
): Promise<DoorSession> {
  const conduit = await dialWebSocket(address, dialOptions(settings));
  const greeting = await withinTime(conduit, settings, () =>
    call(conduit, { ...callOptions('door', door.psk, settings), purpose: door.purpose }),
  );
  return doorSession(greeting, true, settings, address);
}

/** A door's session at either end. It ends by itself after `doorMsMax`. */
export function doorSession(
  greeting: Greeting,
  isDialler: boolean,
  settings: LinkSettings,
  address: string,
): DoorSession {
  const { clock, timers, heartbeat, onHandlerError, onRefusal } = settings;
  const { session, remoteStatic, hello, version } = greeting;
  const mux = new Mux(greeting.conduit, {
    isDialler,
    clock,
    timers,
    onHandlerError,
    onRefusal: (error, service) => onRefusal?.(error, service, hello.siteId),
    ...(heartbeat === undefined ? {} : { heartbeat }),
  });
  const deadline = timers.after(doorMsMax, () => void mux.close(doorTimedOut()));
  void mux.closed.then((reason) => {
    deadline.cancel();
    if (reason.code === 'protocol_violation') onRefusal?.(reason, 'link', hello.siteId);
  });
  const { handshakeHash, chainingKey } = session;
  return { mux, handshakeHash, chainingKey, remoteStatic, hello, version, address };
}

async function dialEntry(
  address: string,
  entry: Exclude<Entry, 'door'>,
  pair: PairSecret,
  settings: LinkSettings,
): Promise<Greeting> {
  const conduit = await dialWebSocket(address, dialOptions(settings));
  const greeting = await withinTime(conduit, settings, () =>
    call(conduit, { ...callOptions(entry, pair.psk, settings), remoteStatic: pair.peerStaticPublic }),
  );
  if (equalBytes(greeting.hello.siteId, pair.peerSiteId)) return greeting;
  conduit.destroy('it is another site');
  throw handshakeFailed('the other end says that it is another site than the paired one');
}

/** Holds one data connection up for as long as the link lives. */
async function keepData(address: string, link: Link, settings: LinkSettings): Promise<void> {
  const ended = new AbortController();
  void link.closed.then((reason) => ended.abort(reason));
  for (let failures = 0; !ended.signal.aborted; ) {
    try {
      const greeting = await dialEntry(address, 'data', link.dataPair, settings);
      failures = 0;
      await link.addData(greeting);
    } catch (error) {
      if (!isAppError(error)) throw error;
      failures += 1;
      link.dataFailed(error);
    }
    // Rejects when the link is over, and then the loop is.
    await settings.timers.sleep(retryDelayMs(failures, settings.random), ended.signal).catch(() => undefined);
  }
}

async function withinTime<T>(conduit: WebSocketConduit, settings: LinkSettings, run: () => Promise<T>): Promise<T> {
  const deadline = settings.timers.after(handshakeTimeoutMs, () => conduit.destroy('the handshake took too long'));
  try {
    return await run();
  } catch (error) {
    conduit.destroy('the handshake failed');
    throw error;
  } finally {
    deadline.cancel();
  }
}

function callOptions(entry: Entry, psk: Uint8Array, settings: LinkSettings) {
  return {
    entry,
    psk,
    staticKeyPair: settings.identity().staticKeyPair,
    versions: settings.versions ?? linkVersions,
    hello: helloOf(settings),
    ...(settings.messageBytesMax === undefined ? {} : { messageBytesMax: settings.messageBytesMax }),
  };
}

function dialOptions({ timers, agent }: LinkSettings) {
  return { timers, timeoutMs: handshakeTimeoutMs, ...(agent === undefined ? {} : { agent }) };
}
