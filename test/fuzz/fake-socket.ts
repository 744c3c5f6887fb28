import { Socket } from 'node:net';

/** A TCP socket of which the other end is the test: no descriptor, no system calls, bytes in and bytes out. */
export class FakeSocket extends Socket {
  readonly written: Buffer[] = [];
  #onWritten: ((bytes: Buffer) => void) | undefined;

  constructor() {
    super();
    // What the kernel says of a socket whose other end has gone is no news here.
    this.on('error', () => undefined);
  }

  /** Calls `run` for everything that is written from now on. */
  whenWritten(run: (bytes: Buffer) => void): void {
    this.#onWritten = run;
  }

  /** Bytes from the other end. */
  arrive(bytes: Uint8Array): void {
    if (!this.destroyed) this.push(bytes);
  }

  override _read(): void {
    // Bytes come when the test says so.
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.written.push(chunk);
    this.#onWritten?.(chunk);
    done();
  }

  override _writev(chunks: readonly { readonly chunk: Buffer }[], done: (error?: Error | null) => void): void {
    for (const { chunk } of chunks) this.written.push(chunk);
    this.#onWritten?.(Buffer.concat(chunks.map(({ chunk }) => chunk)));
    done();
  }

  override _final(done: (error?: Error | null) => void): void {
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    done(error);
  }

  override setNoDelay(): this {
    return this;
  }

  override setKeepAlive(): this {
    return this;
  }

  override setTimeout(): this {
    return this;
  }

  override ref(): this {
    return this;
  }

  override unref(): this {
    return this;
  }
}

/** A WebSocket frame that holds a whole binary message. A client's is masked, with zeros. */
export function webSocketFrame(message: Uint8Array, masked: boolean): Uint8Array {
  const { length } = message;
  const head = Buffer.alloc(2 + (length < 126 ? 0 : length < 65_536 ? 2 : 8) + (masked ? 4 : 0));
  head[0] = 0x82;
  head[1] = (masked ? 0x80 : 0) | (length < 126 ? length : length < 65_536 ? 126 : 127);
  if (length >= 65_536) head.writeBigUInt64BE(BigInt(length), 2);
  else if (length >= 126) head.writeUInt16BE(length, 2);
  return new Uint8Array(Buffer.concat([head, message]));
}
