import { assert } from '#runtime';
import { type Gate, type LinkShaper, type TrafficClass, trafficClasses } from '#shaper';
import type { MuxChannel } from './channel.ts';
import { type FrameConduit, frameBytes } from './frame-conduit.ts';
import { encodeFrame, type MuxFrame } from './mux-frames.ts';

// Answers that wait for a reader who does not read: far more than an honest end ever causes.
const controlFramesMax = 4096;
/** Whatever the gate says: smaller fragments are all header. */
const fragmentBytesMin = 256;
/** Without a limit the most urgent class would have all: each of so many turns begins with the least urgent one. */
const turnsOfUrgent = 16;

/**
 * The sending side of a mux: decides which frame goes next. Control frames and credit always go, and the gate is told of them.
 * Fragments of messages ask it, class by class, the most urgent first; channels of a class take turns by fragment.
 */
export class FrameScheduler {
  readonly #conduit: FrameConduit;
  readonly #gate: Gate;
  readonly #control: Uint8Array[][] = [];
  readonly #granting = new Set<MuxChannel>();
  /** Channels with something to send, in the order of their turns. */
  readonly #rings = new Map<TrafficClass, Set<MuxChannel>>(trafficClasses.map((name) => [name, new Set()]));
  readonly #refused = new Set<TrafficClass>();
  #pong: Uint8Array | undefined;
  #conduitReady = true;
  #pumping = false;
  #turns = 0;
  #stopped = false;

  constructor(conduit: FrameConduit, shaper: LinkShaper) {
    this.#conduit = conduit;
    this.#gate = shaper.gate({
      wire: () => conduit.line?.read(),
      pace: (bytesPerSecond) => conduit.line?.pace(bytesPerSecond),
      opened: () => this.#pump(),
    });
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
    this.#ring(channel.trafficClass).add(channel);
    this.#pump();
  }

  /** `channel` may have credit to grant. */
  grantable(channel: MuxChannel): void {
    this.#granting.add(channel);
    this.#pump();
  }

  /** `channel` was of the class `before`. */
  reclassed(channel: MuxChannel, before: TrafficClass): void {
    if (this.#ring(before).delete(channel)) this.sendable(channel);
  }

  forget(channel: MuxChannel): void {
    this.#granting.delete(channel);
    this.#ring(channel.trafficClass).delete(channel);
  }

  /** Nothing but the limit keeps `channel` from sending. */
  isHeldBack(channel: MuxChannel): boolean {
    return (
      this.#conduitReady &&
      this.#refused.has(channel.trafficClass) &&
      this.#ring(channel.trafficClass).has(channel) &&
      channel.outgoing.nextFrameBytes(this.#conduit.frameBytesMax) > 0
    );
  }

  /** The conduit takes frames again. */
  drained(): void {
    this.#conduitReady = true;
    this.#pump();
  }

  /** Nothing is sent any more, but for `last`. */
  stop(last?: MuxFrame): void {
    if (last !== undefined) this.#sendUnasked(encodeFrame(last));
    this.#stopped = true;
    this.#gate.close();
  }

  #ring(trafficClass: TrafficClass): Set<MuxChannel> {
    const ring = this.#rings.get(trafficClass);
    assert(ring !== undefined, 'every class has a ring');
    return ring;
  }

  #pump(): void {
    // A frame that is sent may make another one due, which then goes in its turn and not inside this one.
    if (this.#pumping) return;
    this.#pumping = true;
    while (this.#conduitReady && !this.#stopped) {
      const control = this.#nextControl();
      if (control !== undefined) this.#conduitReady = this.#sendUnasked(control);
      else {
        const fragment = this.#nextFragment();
        if (fragment === undefined) break;
        this.#conduitReady = this.#conduit.send(fragment);
      }
    }
    this.#pumping = false;
  }

  #sendUnasked(frame: readonly Uint8Array[]): boolean {
    this.#gate.spent(frameBytes(frame) + this.#conduit.overheadBytes);
    return this.#conduit.send(frame);
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
    const { overheadBytes } = this.#conduit;
    const quantumBytes = this.#gate.quantumBytes;
    const bytesMax = Math.min(this.#conduit.frameBytesMax, Math.max(fragmentBytesMin, quantumBytes - overheadBytes));
    for (const trafficClass of this.#classesInTurn(quantumBytes)) {
      const ring = this.#ring(trafficClass);
      for (const channel of ring) {
        const wantedBytes = channel.outgoing.nextFrameBytes(bytesMax);
        if (wantedBytes > 0 && !this.#admit(trafficClass, wantedBytes + overheadBytes)) break;
        ring.delete(channel);
        if (wantedBytes === 0) continue;
        const frame = takeFragment(channel, bytesMax);
        assert(frameBytes(frame) === wantedBytes, 'a fragment is as large as was said');
        if (channel.outgoing.nextFrameBytes(bytesMax) > 0) ring.add(channel);
        return frame;
      }
    }
    return undefined;
  }

  /** Under a limit its gate sees to it that no class starves; without one this end does. */
  #classesInTurn(quantumBytes: number): readonly TrafficClass[] {
    if (quantumBytes !== Number.POSITIVE_INFINITY) return trafficClasses;
    this.#turns = (this.#turns + 1) % turnsOfUrgent;
    return this.#turns === 0 ? leastUrgentFirst : trafficClasses;
  }

  #admit(trafficClass: TrafficClass, bytes: number): boolean {
    const admitted = this.#gate.admit(trafficClass, bytes);
    if (admitted) this.#refused.delete(trafficClass);
    else this.#refused.add(trafficClass);
    return admitted;
  }
}

const leastUrgentFirst = trafficClasses.toReversed();

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
