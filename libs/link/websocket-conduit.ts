import type { Socket } from 'node:net';
import type WebSocket from 'ws';
import type { Timers } from '#runtime';
import { assert } from '#runtime';
import { type FrameConduit, type FrameReceiver, frameBytes } from './frame-conduit.ts';
import { FrameInbox } from './frame-inbox.ts';
import { TcpLine } from './tcp-line.ts';

/** The largest WebSocket message that either end of a link sends: one Noise message. */
export const webSocketFrameBytesMax = 65_535;

/** What a stranger's message may have: far above the largest handshake message, far below what hurts. */
export const unauthenticatedFrameBytesMax = 4096;

// Header of a masked frame of up to 64 KiB.
const webSocketOverheadBytes = 8;

// One read of a socket gives 64 KiB, and everything in it is emitted before anybody can attach.
const backlogBytesMax = 1024 * 1024;

// Enough that the kernel always has something to take, little enough that a control frame soon gets its turn.
const unsentBytesMax = 256 * 1024;

// A new buffer for each large frame would keep the garbage collector busy: a few are used again and again.
const reusedFrameBytesMin = 8192;
const reusedBuffersMax = 6;

// A close handshake that takes longer is no use to anybody.
const closeTimeoutMs = 3000;

/** Options for every WebSocket here. The zero mask costs nothing: inside is ciphertext already. */
export const webSocketOptions = {
  perMessageDeflate: false,
  autoPong: false,
  maxFragments: 16,
  generateMask: (mask: Buffer) => {
    mask.fill(0);
  },
} as const;

/** A conduit over an open WebSocket and the socket under it. */
export class WebSocketConduit implements FrameConduit {
  readonly frameBytesMax = webSocketFrameBytesMax;
  readonly overheadBytes = webSocketOverheadBytes;
  readonly closed: Promise<string>;
  bytesSent = 0;
  bytesReceived = 0;
  readonly line: TcpLine;
  readonly #socket: Socket;
  readonly #webSocket: WebSocket;
  readonly #timers: Timers;
  readonly #inbox = new FrameInbox();
  /** Free buffers for gathering frames; one comes back once the kernel has its frame. */
  readonly #buffers: Buffer[] = [];
  #backlogBytesMax = 1;
  #why = 'the other end closed it';

  /** Until trust() is called, one message of at most 4 KiB is taken while nobody is attached. */
  constructor(webSocket: WebSocket, socket: Socket, timers: Timers) {
    this.#webSocket = webSocket;
    this.#socket = socket;
    this.line = new TcpLine(socket);
    this.#timers = timers;
    this.#limitPayload(unauthenticatedFrameBytesMax);
    webSocket.pause();
    webSocket.on('message', (data: Buffer, isBinary: boolean) => this.#message(data, isBinary));
    webSocket.on('error', (error) => this.destroy(error.message));
    socket.setNoDelay(true);
    socket.on('drain', () => this.#inbox.drained());
    this.closed = new Promise((resolve) => {
      webSocket.on('close', () => {
        this.#inbox.clear();
        resolve(this.#why);
      });
    });
  }

  /** The other end is known now: frames of full size, and a backlog, may come. */
  trust(): void {
    this.#backlogBytesMax = backlogBytesMax;
    this.#limitPayload(webSocketFrameBytesMax);
  }

  attach(receiver: FrameReceiver | undefined): void {
    this.#inbox.attach(receiver);
    if (this.#webSocket.readyState !== this.#webSocket.OPEN) return;
    if (receiver === undefined) this.#webSocket.pause();
    else this.#webSocket.resume();
  }

  send(parts: readonly Uint8Array[]): boolean {
    if (this.#webSocket.readyState !== this.#webSocket.OPEN) return false;
    const length = frameBytes(parts);
    this.bytesSent += length + webSocketOverheadBytes;
    if (length < reusedFrameBytesMin) this.#webSocket.send(Buffer.concat(parts, length), { binary: true });
    else this.#sendReused(parts, length);
    // Not `bufferedAmount`, which lies after a close. Past 64 KiB the socket promises a 'drain'.
    return !this.#socket.writableNeedDrain || this.#socket.writableLength < unsentBytesMax;
  }

  close(): void {
    this.#why = 'this end closed it';
    if (this.#webSocket.readyState !== this.#webSocket.OPEN) return;
    this.#webSocket.close(1000);
    // The other end's answer is behind whatever it sent before.
    this.#inbox.attach({ frame: () => undefined, drain: () => undefined });
    this.#webSocket.resume();
    const deadline = this.#timers.after(closeTimeoutMs, () => this.#webSocket.terminate());
    void this.closed.then(() => deadline.cancel());
  }

  destroy(why: string): void {
    this.#why = why;
    this.#webSocket.terminate();
  }

  #sendReused(parts: readonly Uint8Array[], length: number): void {
    const buffer = this.#buffers.pop() ?? Buffer.allocUnsafeSlow(webSocketFrameBytesMax);
    let filled = 0;
    for (const part of parts) {
      buffer.set(part, filled);
      filled += part.length;
    }
    this.#webSocket.send(buffer.subarray(0, length), { binary: true }, () => {
      if (this.#buffers.length < reusedBuffersMax) this.#buffers.push(buffer);
    });
  }

  #message(data: Buffer, isBinary: boolean): void {
    this.bytesReceived += data.length + webSocketOverheadBytes;
    const waitsForNobody = !this.#inbox.attached && this.#inbox.backlogBytes >= this.#backlogBytesMax;
    if (!isBinary) this.destroy('the other end sent text');
    else if (waitsForNobody) this.destroy('the other end sent more than it may');
    else this.#inbox.accept(data);
  }

  // ws takes the limit only when the socket opens, and knows no later change: this is its own field.
  #limitPayload(bytes: number): void {
    const receiver: unknown = Reflect.get(this.#webSocket, '_receiver');
    assert(typeof receiver === 'object' && receiver !== null && '_maxPayload' in receiver, 'ws keeps its limit there');
    receiver._maxPayload = bytes;
  }
}
