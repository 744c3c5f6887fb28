import { type FrameConduit, type FrameReceiver, Mux } from '#link';
import { type AppError, fromHex, systemClock, type Timers } from '#runtime';
import { conversationTarget, type Target } from '../target.ts';

const noTimers: Timers = { after: () => ({ cancel: () => undefined }), sleep: () => new Promise(() => undefined) };

/** A conduit whose other end says what the test says. */
class ScriptedConduit implements FrameConduit {
  readonly frameBytesMax = 65_519;
  readonly overheadBytes = 0;
  readonly closed: Promise<string>;
  bytesSent = 0;
  bytesReceived = 0;
  readonly #closed = Promise.withResolvers<string>();
  #receiver: FrameReceiver | undefined;

  constructor() {
    this.closed = this.#closed.promise;
  }

  attach(receiver: FrameReceiver | undefined): void {
    this.#receiver = receiver;
  }

  arrive(frame: Uint8Array): void {
    this.#receiver?.frame(frame);
  }

  send(parts: readonly Uint8Array[]): boolean {
    for (const part of parts) this.bytesSent += part.length;
    return true;
  }

  close(): void {
    this.#closed.resolve('closed');
  }

  destroy(why: string): void {
    this.#closed.resolve(why);
  }
}

// The examples of LINK.md, section 5, and what else an exchange with "echo" consists of.
const frame = (hex: string) => fromHex(hex.replaceAll(' ', ''));
const openEcho = frame('01 00000001 6563686f');
const whole = frame('02 00000001 00000003 616263');
const first = frame('02 00000001 00000005 616263');
const rest = frame('03 00000001 6465');
const empty = frame('02 00000001 00000000');
const credit = frame('04 00000001 00100000');
const end = frame('05 00000001');
const abort = new Uint8Array(
  Buffer.concat([
    frame('06 00000001'),
    frame('0a04 6f6f7073'),
    frame('1204 6f6f7073'),
    frame('1a03 6e6f74'),
    frame('2001'),
  ]),
);
const ping = frame('10 00000000 0000000000000001');
const pong = frame('11 00000000 0000000000000001');
const goodbye = new Uint8Array(
  Buffer.concat([frame('12 00000000'), frame('0a0b 6c696e6b5f636c6f736564'), frame('1203 627965')]),
);
const secondChannel = (bytes: Uint8Array) => {
  const other = new Uint8Array(bytes);
  other[4] = 3;
  return other;
};

/** Frames of somebody who is known: a peer or an agent that means harm. */
export function muxTargets(): Target<never>[] {
  const target = conversationTarget({
    name: 'frames',
    share: 5,
    isAsync: true,
    seeds: [
      [openEcho, whole, first, rest, empty, credit, end],
      [ping, openEcho, whole, secondChannel(openEcho), secondChannel(first), secondChannel(rest), abort, pong, goodbye],
      [openEcho, credit, first, secondChannel(openEcho), ping, rest, secondChannel(end), end],
    ],
    run: feed,
    // A message that says it is long is given 1 MiB at most before its bytes come.
    allocatedMax: (frames) =>
      131_072 + frames.length * (1024 * 1024 + 4096) + 16 * frames.reduce((sum, { length }) => sum + length, 0),
  });
  return [target] as Target<unknown>[] as Target<never>[];
}

async function feed(frames: readonly Uint8Array[]): Promise<void> {
  const conduit = new ScriptedConduit();
  let handlerError: unknown;
  const mux = new Mux(conduit, {
    isDialler: false,
    clock: systemClock,
    timers: noTimers,
    onHandlerError: (error) => {
      handlerError = error;
    },
  });
  mux.serve('echo', async (channel) => {
    for (let message = await channel.receive(); message !== undefined; message = await channel.receive()) {
      await channel.send(message);
    }
  });
  let ended: AppError | undefined;
  void mux.closed.then((reason) => {
    ended = reason;
  });
  await Promise.resolve();
  for (const one of frames) conduit.arrive(new Uint8Array(one));
  await new Promise(setImmediate);
  void mux.close();
  await new Promise(setImmediate);
  if (handlerError !== undefined) throw handlerError;
  // What the other end says in a goodbye may have any code: it is told, not believed.
  if (ended !== undefined && ended.details.saidBy === undefined && ended.code !== 'link_closed') throw ended;
}
