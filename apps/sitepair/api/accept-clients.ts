import { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { WebSocketServer } from 'ws';
import { Mux, WebSocketConduit } from '#link';
import { assert, isAppError, systemClock, systemTimers } from '#runtime';
import type { Operations } from '../appliance/operations.ts';
import { clientProtocolPath } from './route-table.ts';

// One frame of the mux.
const frameBytesMax = 65_535;

/** Takes WebSockets on `/client/v1`: each is a client that uploads and reads, until `stopping` is aborted. */
export function acceptClients(app: FastifyInstance, operations: Operations, stopping: AbortSignal): void {
  const webSockets = new WebSocketServer({ noServer: true, perMessageDeflate: false, maxPayload: frameBytesMax });
  const muxes = new Set<Mux>();

  app.server.on('upgrade', (request, socket, head) => {
    assert(socket instanceof Socket, 'a server without TLS gives plain sockets');
    socket.on('error', (error) => app.log.debug({ err: error }, 'a client connection failed'));
    if (stopping.aborted || request.url !== clientProtocolPath) {
      socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
      return;
    }
    webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      const conduit = new WebSocketConduit(webSocket, socket, systemTimers);
      conduit.trust();
      const mux = new Mux(conduit, {
        isDialler: false,
        clock: systemClock,
        timers: systemTimers,
        heartbeat: false,
        onHandlerError: (error, service) => app.log.error({ err: error, service }, 'a client was not served'),
      });
      muxes.add(mux);
      void mux.closed.then(() => muxes.delete(mux));
      operations.serveClient(mux);
    });
  });

  app.addHook('preClose', async () => {
    const reason: unknown = stopping.reason;
    assert(isAppError(reason), 'what stops the appliance says why');
    await Promise.all([...muxes].map((mux) => mux.close(reason)));
  });
}
