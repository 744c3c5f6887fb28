// Stands in for the package ws: what libs/link use of it, over the simulated network.
import { EventEmitter } from 'node:events';
import { onMachine, runningMachine } from './machine.ts';
import { Socket } from './net.ts';
import type { ConnectionEnd } from './network.ts';

const closing = Buffer.from('close');

/** A WebSocket, dialled by its constructor or accepted by the server below. */
class WebSocket extends EventEmitter {
  readonly CONNECTING = 0;
  readonly OPEN = 1;
  readonly CLOSING = 2;
  readonly CLOSED = 3;
  readyState = 0;
  /** libs/link set the limit of a message here. */
  readonly _receiver = { _maxPayload: 65_535 };
  #socket: Socket | undefined;
  #paused = false;
  #arrived: Buffer[] = [];
  #delivering = false;
  #overAfterArrived = false;

  constructor(url: URL | string | undefined) {
    super();
    if (url === undefined) return;
    const { host, pathname } = new URL(url);
    const machine = runningMachine();
    machine.network.dial(
      machine,
      host,
      pathname,
      (end) => this.#connected(new Socket(end), end),
      (why) => this.#failed(why),
    );
  }

  /** For the server: takes over a socket that is there. */
  static over(socket: Socket): WebSocket {
    const webSocket = new WebSocket(undefined);
    webSocket.#attach(socket, socket.end);
    webSocket.readyState = 1;
    return webSocket;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    queueMicrotask(() => this.#deliver());
  }

  send(data: Buffer, _options: object, sent?: () => void): void {
    // A copy: the sender uses its buffer again.
    if (this.readyState === 1) this.#socket?.end.send(Buffer.from(data), sent ?? (() => undefined));
  }

  close(): void {
    if (this.readyState !== 1) return;
    this.readyState = 2;
    this.#socket?.end.send(closing, () => undefined);
  }

  terminate(): void {
    if (this.readyState === 3) return;
    if (this.readyState === 0) this.#failed('WebSocket was closed before the connection was established');
    else this.#socket?.destroy();
  }

  #connected(socket: Socket, end: ConnectionEnd): void {
    if (this.readyState !== 0) {
      socket.destroy();
      return;
    }
    this.#attach(socket, end);
    this.readyState = 1;
    this.emit('upgrade', { socket });
    this.emit('open');
  }

  #failed(why: string): void {
    this.readyState = 3;
    this.emit('error', new Error(why));
    this.emit('close');
  }

  #attach(socket: Socket, end: ConnectionEnd): void {
    this.#socket = socket;
    socket.onDestroy = () => this.#over();
    end.listen({
      frame: (bytes) => {
        this.#arrived.push(bytes);
        this.#deliver();
      },
      gone: () => {
        this.#overAfterArrived = true;
        this.#deliver();
      },
      drain: () => socket.emit('drain'),
    });
  }

  #deliver(): void {
    if (this.#delivering) return;
    this.#delivering = true;
    while (!this.#paused && this.readyState !== 3) {
      const bytes = this.#arrived.shift();
      if (bytes === undefined) break;
      if (bytes.equals(closing)) {
        if (this.readyState === 1) this.#socket?.end.send(closing, () => undefined);
        this.readyState = 2;
        this.#socket?.destroy();
        break;
      }
      if (bytes.length > this._receiver._maxPayload) {
        this.emit('error', new RangeError('Max payload size exceeded'));
        this.#socket?.destroy();
        break;
      }
      this.emit('message', bytes, true);
    }
    this.#delivering = false;
    if (this.#overAfterArrived && (this.#arrived.length === 0 || this.#paused)) this.#socket?.closed();
  }

  #over(): void {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.#arrived = [];
    this.emit('close');
  }
}

/** What libs/link use of ws's server: it makes a WebSocket of an upgrade request. */
export class WebSocketServer {
  handleUpgrade(_request: object, socket: Socket, _head: Buffer, accept: (webSocket: WebSocket) => void): void {
    const webSocket = WebSocket.over(socket);
    // ws, too, calls back when the answer is written, not in the caller's turn.
    queueMicrotask(() => onMachine(socket.end.machine, () => accept(webSocket)));
  }
}

// biome-ignore lint/style/noDefaultExport: the package that this stands in for has one.
export { WebSocket as default };
