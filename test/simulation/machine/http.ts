// Stands in for node:http where an appliance makes the server of its links.
import { EventEmitter } from 'node:events';
import { type Machine, onMachine, runningMachine } from './machine.ts';
import { Socket } from './net.ts';

class Server extends EventEmitter {
  maxHeadersCount = 0;
  readonly #machine: Machine = runningMachine();
  readonly #sockets = new Set<Socket>();
  #address = '';

  listen(port: number, host: string, listening: () => void): void {
    this.#address = `${host}:${port}`;
    this.#machine.network.listen(this.#address, {
      machine: this.#machine,
      accept: (end, path) => {
        const socket = new Socket(end);
        this.#sockets.add(socket);
        socket.on('close', () => this.#sockets.delete(socket));
        end.listen({ frame: () => undefined, gone: () => socket.closed(), drain: () => undefined });
        this.emit('connection', socket);
        if (!socket.destroyed) this.emit('upgrade', { url: path, headers: {} }, socket, Buffer.alloc(0));
      },
    });
    queueMicrotask(() => onMachine(this.#machine, listening));
  }

  address(): { readonly port: number } {
    return { port: Number(this.#address.split(':').at(-1)) };
  }

  closeAllConnections(): void {
    for (const socket of [...this.#sockets]) socket.destroy();
  }

  close(closed?: () => void): void {
    this.#machine.network.unlisten(this.#address, this.#machine);
    if (closed !== undefined) queueMicrotask(closed);
  }
}

export function createServer(): Server {
  return new Server();
}
