import type { Agent, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import WebSocket from 'ws';
import { AppError, type Timers } from '#runtime';
import { connectionLost } from './link-errors.ts';
import { WebSocketConduit, webSocketFrameBytesMax, webSocketOptions } from './websocket-conduit.ts';

/** The path of the link on every appliance. */
export const linkPath = '/link/v1';

/** The port that an address without one means. */
export const linkPort = 7400;

export interface DialOptions {
  readonly timers: Timers;
  /** For opening the connection and, by whoever dials, for the handshake on it. */
  readonly timeoutMs: number;
  /** Goes through an HTTP proxy, say. */
  readonly agent?: Agent;
}

/** HOST, HOST:PORT, [V6]:PORT, or a ws:// or wss:// URL, whose path is a prefix; throws `address_invalid`. */
export function linkUrl(address: string): URL {
  const text = /^wss?:\/\//.test(address) ? address : `ws://${address}`;
  const isBare = text !== address;
  if (!URL.canParse(text) || /[\s@?#]/.test(address) || (isBare && address.includes('/')))
    throw invalidAddress(address);
  const url = new URL(text);
  if (url.hostname === '') throw invalidAddress(address);
  if (url.port === '' && isBare) url.port = String(linkPort);
  url.pathname = `${url.pathname.replace(/\/$/, '')}${linkPath}`;
  return url;
}

/** An open WebSocket to `address`, still of somebody unknown. Rejects with `dial_failed`, which is retryable. */
export function dialWebSocket(address: string, options: DialOptions): Promise<WebSocketConduit> {
  return open(linkUrl(address), options);
}

/** An open WebSocket over the Unix socket at `socketPath`, whose owner is trusted. Rejects with `dial_failed`. */
export async function dialUnixWebSocket(
  socketPath: string,
  path: string,
  options: DialOptions,
): Promise<WebSocketConduit> {
  const conduit = await open(`ws+unix:${socketPath}:${path}`, options);
  conduit.trust();
  return conduit;
}

function open(url: URL | string, options: DialOptions): Promise<WebSocketConduit> {
  const { promise, resolve, reject } = Promise.withResolvers<WebSocketConduit>();
  // A certificate proves nothing here: trust is in the pinned keys inside, and proxies that inspect TLS may be in between.
  const webSocket = new WebSocket(url, {
    ...webSocketOptions,
    maxPayload: webSocketFrameBytesMax,
    rejectUnauthorized: false,
    ...(options.agent === undefined ? {} : { agent: options.agent }),
  });
  let socket: Socket | undefined;
  const deadline = options.timers.after(options.timeoutMs, () => webSocket.terminate());
  webSocket.on('upgrade', (response: IncomingMessage) => {
    socket = response.socket;
  });
  webSocket.on('open', () => {
    deadline.cancel();
    if (socket === undefined) reject(dialFailed(url, connectionLost('it has no socket')));
    else resolve(new WebSocketConduit(webSocket, socket, options.timers));
  });
  webSocket.on('error', (error) => {
    deadline.cancel();
    reject(dialFailed(url, error));
  });
  return promise;
}

function dialFailed(url: URL | string, cause: Error): AppError {
  return new AppError(`no connection to ${url}: ${cause.message}`, {
    code: 'dial_failed',
    retryable: true,
    advice: 'Check that the other appliance runs, and that its address, port and any firewall between are right.',
    cause,
  });
}

function invalidAddress(address: string): AppError {
  return new AppError(`"${address}" is no address`, {
    code: 'address_invalid',
    advice: 'Give HOST:PORT, or a URL that begins with wss:// when a proxy is in front.',
  });
}
