import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** A line between two sites, as a relay on loopback, that breaks in the middle of what crosses it. */
export class CutLine implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #leftBytes = Number.POSITIVE_INFINITY;
  /** What becomes of a part that crosses; undefined: it does not arrive, and nobody is told. */
  spoil: (part: Buffer) => Buffer | undefined = (part) => part;
  /** How often it broke with something under way. */
  cuts = 0;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** Opens a line that leads to HOST:PORT on loopback. */
  static async open(target: string): Promise<CutLine> {
    const server = createServer();
    const line = new CutLine(server);
    server.on('connection', (near) => line.#join(near, target));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return line;
  }

  /** HOST:PORT of this end. */
  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Lets so many bytes more cross, in both directions together, then breaks all connections and every new one (0: at once). */
  cutAfter(bytes: number): void {
    this.#leftBytes = bytes;
    if (bytes === 0) this.#cut();
  }

  /** Carries everything again, however much. */
  mend(): void {
    this.#leftBytes = Number.POSITIVE_INFINITY;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#cut();
    await closed;
  }

  #join(near: Socket, target: string): void {
    if (this.#leftBytes <= 0) return void near.destroy();
    const colon = target.lastIndexOf(':');
    const far = connect({ host: target.slice(0, colon), port: Number(target.slice(colon + 1)) });
    this.#carry(near, far);
    this.#carry(far, near);
  }

  #carry(from: Socket, to: Socket): void {
    this.#sockets.add(from);
    from.setNoDelay();
    from.on('data', (part: Buffer) => {
      // The line breaks at the byte: what of the part still crossed is the beginning of a message.
      if (this.#leftBytes <= 0) return;
      const arriving = this.spoil(part);
      if (arriving !== undefined) to.write(arriving.subarray(0, Math.min(arriving.length, this.#leftBytes)));
      this.#leftBytes -= part.length;
      if (this.#leftBytes > 0) return;
      this.cuts += 1;
      setImmediate(() => this.#cut());
    });
    from.on('error', () => undefined);
    from.once('close', () => {
      this.#sockets.delete(from);
      to.destroy();
    });
  }

  #cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}
