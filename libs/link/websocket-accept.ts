import type { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { assert, type Timers } from '#runtime';
import { WebSocketConduit, webSocketFrameBytesMax, webSocketOptions } from './websocket-conduit.ts';

/**
 * Makes a conduit of an upgrade request whose sender is known by other means: on control.sock, by being able to open it. A
 * request that is no WebSocket's is answered and ends there, without `accept` being called.
 */
export function acceptTrustedWebSocket(
  upgrade: { readonly request: IncomingMessage; readonly socket: Duplex; readonly head: Buffer },
  timers: Timers,
  accept: (conduit: WebSocketConduit) => void,
): void {
  const { request, socket, head } = upgrade;
  assert(socket instanceof Socket, 'an HTTP server listens on sockets');
  webSockets.handleUpgrade(request, socket, head, (webSocket) => {
    const conduit = new WebSocketConduit(webSocket, socket, timers);
    conduit.trust();
    accept(conduit);
  });
}

const webSockets = new WebSocketServer({
  ...webSocketOptions,
  noServer: true,
  clientTracking: false,
  maxPayload: webSocketFrameBytesMax,
});
