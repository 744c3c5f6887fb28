import { connect } from 'node:net';
import WebSocket from 'ws';
import { concatBytes, systemTimers } from '#runtime';
import { codecOf } from '#wire';
import { hmac, type RawCipher, RawInitiator, type RawKeyPair } from './raw-noise.ts';

export interface RawPair {
  /** HOST:PORT of the one that is attacked. */
  readonly address: string;
  readonly psk: Uint8Array;
  readonly own: RawKeyPair;
  readonly remoteStatic: Uint8Array;
  readonly siteId: Uint8Array;
}

/** A frame as proto/LINK.md section 5 has it, of any bytes. */
export function rawFrame(type: number, channel: number, ...body: readonly Uint8Array[]): Buffer {
  const head = Buffer.alloc(5);
  head[0] = type;
  head.writeUInt32BE(channel, 1);
  return Buffer.concat([head, ...body]);
}

export const frameTypes = { open: 1, data: 2, more: 3, credit: 4, end: 5, abort: 6, ping: 16, pong: 17, goodbye: 18 };

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export function openFrame(channel: number, service: string): Buffer {
  return rawFrame(frameTypes.open, channel, Buffer.from(service));
}

/** The first frame of a message that is said to have `messageBytes`. */
export function dataFrame(channel: number, messageBytes: number, bytes: Uint8Array): Buffer {
  return rawFrame(frameTypes.data, channel, uint32(messageBytes), bytes);
}

const helloCodec = codecOf<Record<string, unknown>>('link.proto', 'sitepair.link.v1.Hello');
const reportCodec = codecOf<{ code: string; message: string; advice: string; retryable: boolean }>(
  'link.proto',
  'sitepair.link.v1.ErrorReport',
);

export function helloBytes(siteId: Uint8Array, change: Record<string, unknown> = {}): Buffer {
  const hello = helloCodec.encode({
    siteId,
    incarnation: 1,
    instance: Buffer.alloc(8, 7),
    software: '0.1.0',
    clockSeconds: Math.floor(Date.now() / 1000),
    versionMin: 1,
    versionMax: 1,
    version: 0,
    dataConnections: 1,
    ...change,
  });
  const padded = Buffer.alloc(192);
  padded.writeUInt16BE(hello.length);
  padded.set(hello, 2);
  return padded;
}

/** What is in the clear of a first message: entry, versions, purpose, hint. */
export function firstHeader(entry: number, purpose: number, psk: Uint8Array, versions = [1, 1]): Buffer {
  const hint = hmac(psk, Buffer.from('sitepair pair hint v1\0')).subarray(0, 8);
  return Buffer.concat([Buffer.from([entry, versions[0] ?? 1, versions[1] ?? 1, purpose]), hint]);
}

export function sealFirst(header: Uint8Array, psk: Uint8Array, noise: Uint8Array): Buffer {
  const mac = hmac(psk, Buffer.from('sitepair hint mac v1\0'), header, noise).subarray(0, 16);
  return Buffer.concat([header, mac, noise]);
}

/** A WebSocket to the link's port that nobody has introduced. */
export async function strangerSocket(address: string, localAddress?: string): Promise<WebSocket> {
  const [host = '', port = ''] = address.split(':');
  const webSocket = new WebSocket(`ws://${address}/link/v1`, {
    perMessageDeflate: false,
    createConnection: () => connect({ host, port: Number(port), ...(localAddress ? { localAddress } : {}) }),
  });
  webSocket.on('error', () => undefined);
  await new Promise<void>((resolve) => {
    webSocket.once('open', resolve);
    webSocket.once('close', () => resolve());
  });
  return webSocket;
}

/** Resolves with what came until the other end closed the socket. */
export function heardUntilClosed(webSocket: WebSocket): Promise<Buffer[]> {
  const heard: Buffer[] = [];
  if (webSocket.readyState === WebSocket.CLOSED) return Promise.resolve(heard);
  webSocket.on('message', (data: Buffer) => heard.push(data));
  return new Promise((resolve) => webSocket.once('close', () => resolve(heard)));
}

/** Under what a link's data connections are dialled. */
export function dataSecret(psk: Uint8Array, handshakeHash: Uint8Array): Buffer {
  return hmac(psk, Buffer.from('sitepair link data v1\0'), handshakeHash);
}

export interface RawGoodbye {
  readonly code: string;
  readonly message: string;
}

/** One connection of somebody who knows a secret and says what he likes. */
export class RawPeer {
  readonly webSocket: WebSocket;
  readonly initiator: RawInitiator;
  readonly frames: Buffer[] = [];
  /** As it went over the line. */
  firstMessage: Uint8Array = new Uint8Array(0);
  readonly closed: Promise<void>;
  #send: RawCipher | undefined;
  #receive: RawCipher | undefined;

  private constructor(webSocket: WebSocket, initiator: RawInitiator) {
    this.webSocket = webSocket;
    this.initiator = initiator;
    this.closed = new Promise((resolve) => {
      if (webSocket.readyState === WebSocket.CLOSED) resolve();
      else webSocket.once('close', () => resolve());
    });
  }

  /** Dials and sends the first message; says nothing more. */
  static async knock(pair: RawPair, entry: 1 | 2 = 1, change: Record<string, unknown> = {}): Promise<RawPeer> {
    const header = firstHeader(entry, 0, pair.psk);
    const prologue = concatBytes([Buffer.from('sitepair link v1\0'), header]);
    const { psk, own, remoteStatic } = pair;
    const initiator = new RawInitiator({ isDoor: false, prologue, psk, own, remoteStatic });
    const peer = new RawPeer(await strangerSocket(pair.address), initiator);
    peer.firstMessage = sealFirst(header, pair.psk, initiator.first(helloBytes(pair.siteId, change)));
    peer.webSocket.send(peer.firstMessage);
    return peer;
  }

  /** The whole handshake, confirm included. */
  static async dial(pair: RawPair, entry: 1 | 2 = 1, change: Record<string, unknown> = {}): Promise<RawPeer> {
    const peer = await RawPeer.knock(pair, entry, change);
    await peer.answered();
    peer.confirm();
    return peer;
  }

  /** A link: a control connection and one for data, bound to it. */
  static async link(pair: RawPair): Promise<{ readonly control: RawPeer; readonly data: RawPeer }> {
    const control = await RawPeer.dial(pair, 1, { instance: Buffer.from(crypto.getRandomValues(new Uint8Array(8))) });
    const psk = dataSecret(pair.psk, control.initiator.hash);
    return { control, data: await RawPeer.dial({ ...pair, psk }, 2) };
  }

  /** The answering end's handshake message is there and fits. */
  async answered(): Promise<void> {
    const message = await new Promise<Buffer>((resolve, reject) => {
      this.webSocket.once('message', (data: Buffer) => resolve(data));
      this.webSocket.once('close', () => reject(new Error('closed instead of answering')));
    });
    this.initiator.second(message);
    const { send, receive } = this.initiator.split();
    this.#send = send;
    this.#receive = receive;
    this.webSocket.on('message', (data: Buffer) => this.frames.push(receive.open(data)));
  }

  confirm(): void {
    this.send(Buffer.alloc(0));
  }

  send(frame: Uint8Array): void {
    if (this.#send !== undefined) this.webSocket.send(this.#send.seal(frame));
  }

  /** Sends without ever taking more memory than the kernel's buffers: for floods. */
  async pour(frames: Iterable<Uint8Array>): Promise<number> {
    let sent = 0;
    for (const frame of frames) {
      if (this.webSocket.readyState !== WebSocket.OPEN) break;
      this.send(frame);
      sent += 1;
      while (this.webSocket.bufferedAmount > 1_000_000 && this.webSocket.readyState === WebSocket.OPEN)
        await systemTimers.sleep(1);
    }
    return sent;
  }

  /** Waits until the other end has closed the connection, and returns why it said it did. */
  async goodbye(): Promise<RawGoodbye | undefined> {
    await this.closed;
    const frame = this.frames.findLast((bytes) => bytes[0] === frameTypes.goodbye);
    return frame && reportCodec.decode(frame.subarray(5));
  }

  /** Stops reading from the socket. */
  deaf(): void {
    this.webSocket.pause();
  }

  end(): void {
    this.webSocket.terminate();
  }

  get receives(): boolean {
    return this.#receive !== undefined;
  }
}
