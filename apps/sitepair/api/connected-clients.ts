import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/** Who is connected to the control socket. Make it before the server listens. */
export class ConnectedClients {
  readonly #sockets = new Set<Socket>();
  #noneLeft = Promise.withResolvers<void>();

  constructor(server: Server) {
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => {
        this.#sockets.delete(socket);
        if (this.#sockets.size > 0) return;
        this.#noneLeft.resolve();
        this.#noneLeft = Promise.withResolvers();
      });
    });
  }

  /** Resolves when nobody is connected. */
  async whenNone(): Promise<void> {
    while (this.#sockets.size > 0) await this.#noneLeft.promise;
  }

  /** Ends connections over which nothing was asked: a command holds one so that the appliance stays as long as it does. */
  dropSilent(): void {
    for (const socket of this.#sockets) if (socket.bytesRead === 0) socket.destroy();
  }
}
