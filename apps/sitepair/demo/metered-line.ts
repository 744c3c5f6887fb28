import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { pipeline, Transform } from 'node:stream';
import { assert } from '#runtime';

/** Where the line stops by itself, and what opens it again. */
interface Stop {
  readonly atBytes: number;
  isReached: boolean;
  readonly lifted: PromiseWithResolvers<void>;
}

/**
 * The line between two sites, as a relay on loopback: it counts every byte that crosses it in either direction, framing
 * and handshakes included, and can stop in the middle. What crosses is sealed; the relay understands nothing of it.
 */
export class MeteredLine implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #bytes = 0;
  #stop: Stop | undefined;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** Opens a line that leads to HOST:PORT on loopback. */
  static async open(target: string): Promise<MeteredLine> {
    const server = createServer({ allowHalfOpen: true });
    const line = new MeteredLine(server);
    server.on('connection', (near) => line.#join(near, target));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return line;
  }

  /** HOST:PORT of this end. */
  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** All that has crossed until now, both directions together. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Lets at most so many bytes more cross, and then none until `goOn`. */
  stopAfter(moreBytes: number): void {
    assert(this.#stop === undefined, 'a line stops at one place at a time');
    this.#stop = { atBytes: this.#bytes + moreBytes, isReached: false, lifted: Promise.withResolvers<void>() };
  }

  /** True once as much has crossed as `stopAfter` allowed. */
  get isStopped(): boolean {
    return this.#stop?.isReached === true;
  }

  goOn(): void {
    this.#stop?.lifted.resolve();
    this.#stop = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.goOn();
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #join(near: Socket, target: string): void {
    const colon = target.lastIndexOf(':');
    const far = connect({
      host: target.slice(0, colon),
      port: Number(target.slice(colon + 1)),
      allowHalfOpen: true,
    });
    for (const socket of [near, far]) {
      this.#sockets.add(socket);
      socket.setNoDelay();
      socket.once('close', () => this.#sockets.delete(socket));
    }
    const whenOver = (error: NodeJS.ErrnoException | null) => {
      // A connection that breaks at one end breaks at the other; the sites see it and dial again.
      if (error) for (const socket of [near, far]) socket.destroy();
    };
    pipeline(near, this.#meter(), far, whenOver);
    pipeline(far, this.#meter(), near, whenOver);
  }

  #meter(): Transform {
    return new Transform({
      transform: (part: Buffer, _encoding, pass) => {
        const cross = () => {
          this.#bytes += part.length;
          pass(null, part);
        };
        const stop = this.#stop;
        if (stop === undefined || this.#bytes + part.length <= stop.atBytes) return cross();
        stop.isReached = true;
        void stop.lifted.promise.then(cross);
      },
    });
  }
}
