import { assert } from '#runtime';
import type { MuxChannel } from './channel.ts';
import { type FrameConduit, frameBytes } from './frame-conduit.ts';
import { encodeFrame, type MuxFrame } from './mux-frames.ts';
import type { Pacer } from './pacer.ts';

// Answers that wait for a reader who does not read: far more than an honest end ever causes.
const controlFramesMax = 4096;

/**
 * The sending side of a mux: decides which frame goes next. Control frames and credit go before fragments of messages;
 * channels take turns by fragment; the pacer delays fragments only.
 */
export class FrameScheduler {
  readonly #conduit: FrameConduit;
  readonly #pacer: Pacer;
  readonly #control: Uint8Array[][] = [];
  readonly #granting = new Set<MuxChannel>();
  /** Channels with something to send, in the order of their turns. */
  readonly #ring = new Set<MuxChannel>();
  #pong: Uint8Array | undefined;
  #conduitReady = true;
  #pumping = false;
  #pacing = false;
  #admittedBytes = 0;
  #stopped = false;

  constructor(conduit: FrameConduit, pacer: Pacer) {
    this.#conduit = conduit;
    this.#pacer = pacer;
  }

  control(frame: MuxFrame): void {
    if (this.#stopped) return;
    this.#control.push(encodeFrame(frame));
    if (this.#control.length > controlFramesMax) this.#conduit.destroy('the other end does not read');
    this.#pump();
  }

  /** Answers a ping. Only the newest waits: whoever pings without reading gets one answer. */
  pong(echo: Uint8Array): void {
    this.#pong = echo;
    this.#pump();
  }

  /** `channel` may have a fragment to send. */
  sendable(channel: MuxChannel): void {
    if (channel.outgoing.nextFrameBytes(this.#conduit.frameBytesMax) === 0) return;
    this.#ring.add(channel);
    this.#pump();
  }

  /** `channel` may have credit to grant. */
  grantable(channel: MuxChannel): void {
    this.#granting.add(channel);
    this.#pump();
  }

  forget(channel: MuxChannel): void {
    this.#granting.delete(channel);
    this.#ring.delete(channel);
  }

  /** The conduit takes frames again. */
  drained(): void {
    this.#conduitReady = true;
    this.#pump();
  }

  /** Nothing is sent any more, but for `last`. */
  stop(last?: MuxFrame): void {
    this.#stopped = true;
    if (last !== undefined) this.#conduit.send(encodeFrame(last));
  }

  #pump(): void {
    // A frame that is sent may make another one due, which then goes in its turn and not inside this one.
    if (this.#pumping) return;
    this.#pumping = true;
    while (this.#conduitReady && !this.#stopped) {
      const frame = this.#nextControl() ?? this.#nextFragment();
      if (frame === undefined) break;
      this.#conduitReady = this.#conduit.send(frame);
    }
    this.#pumping = false;
  }

  #nextControl(): Uint8Array[] | undefined {
    if (this.#pong !== undefined) {
      const echo = this.#pong;
      this.#pong = undefined;
      return encodeFrame({ type: 'pong', echo });
    }
    const frame = this.#control.shift();
    if (frame !== undefined) return frame;
    for (const channel of this.#granting) {
      this.#granting.delete(channel);
      const creditBytes = channel.incoming.takeGrant();
      if (creditBytes > 0) return encodeFrame({ type: 'credit', channel: channel.id, creditBytes });
    }
    return undefined;
  }

  #nextFragment(): Uint8Array[] | undefined {
    const { frameBytesMax, overheadBytes } = this.#conduit;
    for (const channel of this.#ring) {
      const wantedBytes = channel.outgoing.nextFrameBytes(frameBytesMax);
      if (wantedBytes > 0 && !this.#admit(wantedBytes + overheadBytes)) return undefined;
      this.#ring.delete(channel);
      if (wantedBytes === 0) continue;
      const frame = takeFragment(channel, frameBytesMax);
      assert(frameBytes(frame) === wantedBytes, 'a fragment is as large as was said');
      if (channel.outgoing.nextFrameBytes(frameBytesMax) > 0) this.#ring.add(channel);
      return frame;
    }
    return undefined;
  }

  /** True when the pacer lets `bytes` go now; else the pump comes back when it does. */
  #admit(bytes: number): boolean {
    if (this.#pacing) return false;
    if (this.#admittedBytes < bytes) {
      const missingBytes = bytes - this.#admittedBytes;
      const later = this.#pacer.admit(missingBytes);
      if (later !== undefined) {
        this.#pacing = true;
        void later.then(() => {
          this.#pacing = false;
          this.#admittedBytes += missingBytes;
          this.#pump();
        });
        return false;
      }
      this.#admittedBytes += missingBytes;
    }
    this.#admittedBytes -= bytes;
    return true;
  }
}

function takeFragment(channel: MuxChannel, frameBytesMax: number): Uint8Array[] {
  const fragment = channel.outgoing.take(frameBytesMax);
  if (fragment.kind === 'end') {
    channel.endSent();
    return encodeFrame({ type: 'end', channel: channel.id });
  }
  const { bytes } = fragment;
  channel.bytesSent += bytes.length;
  return fragment.kind === 'first'
    ? encodeFrame({ type: 'data', channel: channel.id, messageBytes: fragment.messageBytes, bytes })
    : encodeFrame({ type: 'more', channel: channel.id, bytes });
}
