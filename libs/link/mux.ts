import { AppError, assert, type Clock, isAppError, type Timers } from '#runtime';
import { type LinkShaper, type TrafficClass, unlimited } from '#shaper';
import { type Channel, type ChannelHost, MuxChannel } from './channel.ts';
import type { FrameConduit } from './frame-conduit.ts';
import { FrameScheduler } from './frame-scheduler.ts';
import { defaultHeartbeat, Heartbeat, type HeartbeatOptions } from './heartbeat.ts';
import { connectionLost, linkClosed, linkSilent, protocolViolation } from './link-errors.ts';
import { decodeError, encodeError } from './link-messages.ts';
import { channelsMax, decodeFrame, defaultCreditBytes, isServiceName, type MuxFrame } from './mux-frames.ts';
import { type ServiceHandler, ServiceTable } from './service-table.ts';
import type { LineReading } from './tcp-line.ts';

export interface ChannelOptions {
  readonly creditBytes?: number;
  readonly trafficClass?: TrafficClass;
}

export interface MuxOptions {
  /** The end that dialled numbers its channels 1, 3, 5..., the other one 2, 4, 6... */
  readonly isDialler: boolean;
  readonly clock: Clock;
  readonly timers: Timers;
  /** What the other end may open; a table of its own when not given. */
  readonly services?: ServiceTable;
  /** The limit that fragments of messages wait for; nothing else does. */
  readonly shaper?: LinkShaper;
  /** Of channels whose opener or handler says nothing else; default 'backup'. */
  readonly trafficClass?: TrafficClass;
  /** False where the carrier itself tells of a dead end, as a Unix socket does. */
  readonly heartbeat?: HeartbeatOptions | false;
  /** Learns what a handler threw that was no AppError: the other end is told "internal" only. */
  readonly onHandlerError: (error: unknown, service: string) => void;
  /** Learns for what AppError a handler of ours ended a channel: the other end is told, and somebody here may want to know. */
  readonly onRefusal?: (error: AppError, service: string) => void;
}

/**
 * Many channels over one conduit. A small exchange waits for one fragment of each bulk channel at most (FrameScheduler).
 * Frames are taken from the next microtask on, so that services can be registered in the turn of making it.
 */
export class Mux implements ChannelHost {
  /** Resolves with what ended it; never rejects. */
  readonly closed: Promise<AppError>;
  readonly #conduit: FrameConduit;
  readonly #options: MuxOptions;
  readonly #services: ServiceTable;
  readonly #heartbeat: Heartbeat | undefined;
  readonly #channels = new Map<number, MuxChannel>();
  readonly #scheduler: FrameScheduler;
  #nextId: number;
  #lastPeerId = 0;
  #ownChannels = 0;
  #ended: AppError | undefined;
  #resolveClosed: (reason: AppError) => void;

  constructor(conduit: FrameConduit, options: MuxOptions) {
    this.#conduit = conduit;
    this.#options = options;
    this.#services = options.services ?? new ServiceTable();
    this.#scheduler = new FrameScheduler(conduit, options.shaper ?? unlimited);
    this.#nextId = options.isDialler ? 1 : 2;
    const { promise, resolve } = Promise.withResolvers<AppError>();
    this.closed = promise;
    this.#resolveClosed = resolve;
    const heartbeat = options.heartbeat ?? defaultHeartbeat;
    if (heartbeat !== false) {
      this.#heartbeat = new Heartbeat(heartbeat, options.clock, options.timers, {
        sendPing: (echo) => {
          this.#scheduler.control({ type: 'ping', echo });
          this.#noteHeldBack();
        },
        dead: (silentMs) => {
          this.#finish(linkSilent(silentMs));
          this.#conduit.destroy('the other end is silent');
        },
      });
    }
    void conduit.closed.then((why) => this.#finish(connectionLost(why)));
    queueMicrotask(() => {
      if (this.#ended !== undefined) return;
      this.#heartbeat?.start();
      conduit.attach({ frame: (bytes) => this.#frame(bytes), drain: () => this.#scheduler.drained() });
    });
  }

  get roundTripMs(): number | undefined {
    return this.#heartbeat?.roundTripMs;
  }

  /** Bytes of the connection, all framing below TCP included. */
  get bytesSent(): number {
    return this.#conduit.bytesSent;
  }

  get bytesReceived(): number {
    return this.#conduit.bytesReceived;
  }

  /** What the kernel counts of the connection, or counted last. */
  get line(): LineReading | undefined {
    return this.#conduit.line?.read();
  }

  get channelCount(): number {
    return this.#channels.size;
  }

  /**
   * A new channel to `service` of the other end, usable at once. `creditBytes`: how much the other end may send ahead.
   * Throws what ended the connection when it has, `too_many_channels` beyond 128 of this end's.
   */
  open(service: string, options: ChannelOptions = {}): Channel {
    assert(isServiceName(service), `a service may not be called "${service}"`);
    if (this.#ended !== undefined) throw this.#ended;
    if (this.#ownChannels >= channelsMax / 2) throw tooManyChannels();
    const { creditBytes = defaultCreditBytes, trafficClass = this.#trafficClass } = options;
    const channel = new MuxChannel(this.#nextId, service, creditBytes, trafficClass, this);
    this.#nextId += 2;
    this.#ownChannels += 1;
    this.#channels.set(channel.id, channel);
    this.#scheduler.control({ type: 'open', channel: channel.id, service });
    this.consumed(channel);
    return channel;
  }

  serve(service: string, handler: ServiceHandler): void {
    this.#services.serve(service, handler);
  }

  /** Tells the other end why, closes the connection after that and aborts all channels. */
  close(reason: AppError = linkClosed('this end was asked to close the link')): Promise<AppError> {
    if (this.#ended === undefined) {
      this.#scheduler.stop({ type: 'goodbye', report: encodeError(reason) });
      this.#finish(reason);
      this.#conduit.close();
    }
    return this.closed;
  }

  sendable(channel: MuxChannel): void {
    this.#scheduler.sendable(channel);
  }

  consumed(channel: MuxChannel): void {
    this.#scheduler.grantable(channel);
  }

  reclassed(channel: MuxChannel, before: TrafficClass): void {
    this.#scheduler.reclassed(channel, before);
  }

  isHeldBack(channel: MuxChannel): boolean {
    return this.#scheduler.isHeldBack(channel);
  }

  sendAbort(channel: MuxChannel, error: AppError): void {
    this.#scheduler.control({ type: 'abort', channel: channel.id, report: encodeError(error) });
  }

  over(channel: MuxChannel): void {
    if (!this.#channels.delete(channel.id)) return;
    if (this.#isOwn(channel.id)) this.#ownChannels -= 1;
    this.#scheduler.forget(channel);
  }

  #frame(bytes: Uint8Array): void {
    if (this.#ended !== undefined) return;
    this.#heartbeat?.heard();
    try {
      this.#dispatch(decodeFrame(bytes));
    } catch (error) {
      if (!isAppError(error)) throw error;
      void this.close(error);
    }
  }

  #dispatch(frame: MuxFrame): void {
    if (frame.type === 'ping') this.#scheduler.pong(frame.echo);
    else if (frame.type === 'pong') this.#heartbeat?.pong(frame.echo);
    else if (frame.type === 'goodbye') {
      this.#finish(decodeError(frame.report));
      this.#conduit.close();
    } else if (frame.type === 'open') this.#opened(frame.channel, frame.service);
    else {
      const channel = this.#channels.get(frame.channel);
      if (channel !== undefined) this.#dispatchTo(channel, frame);
      // Frames for a channel that is over here may still be under way; for one that never was they are wrong.
      else if (!this.#wasOpened(frame.channel))
        throw protocolViolation('a frame names a channel that was never opened');
    }
  }

  #dispatchTo(
    channel: MuxChannel,
    frame: Extract<MuxFrame, { type: 'data' | 'more' | 'credit' | 'end' | 'held' | 'abort' }>,
  ): void {
    switch (frame.type) {
      case 'data':
        channel.bytesReceived += frame.bytes.length;
        channel.incoming.first(frame.messageBytes, frame.bytes);
        this.consumed(channel);
        break;
      case 'more':
        channel.bytesReceived += frame.bytes.length;
        channel.incoming.later(frame.bytes);
        this.consumed(channel);
        break;
      case 'credit':
        channel.outgoing.grant(frame.creditBytes);
        this.sendable(channel);
        break;
      case 'end':
        channel.endReceived();
        break;
      case 'held':
        channel.heldNotes += 1;
        break;
      case 'abort':
        channel.fail(decodeError(frame.report));
        break;
    }
  }

  #opened(id: number, service: string): void {
    if (this.#isOwn(id) || id <= this.#lastPeerId) throw protocolViolation('a channel was opened under a wrong number');
    this.#lastPeerId = id;
    const handler = this.#services.find(service);
    const channel = new MuxChannel(id, service, defaultCreditBytes, this.#trafficClass, this);
    if (handler === undefined) this.sendAbort(channel, unknownService(service));
    else if (this.#channels.size - this.#ownChannels >= channelsMax / 2) this.sendAbort(channel, tooManyChannels());
    else {
      this.#channels.set(id, channel);
      this.consumed(channel);
      void this.#run(channel, handler);
    }
  }

  async #run(channel: MuxChannel, handler: ServiceHandler): Promise<void> {
    try {
      await handler(channel);
      channel.discard();
      await channel.end();
    } catch (error) {
      if (isAppError(error)) this.#options.onRefusal?.(error, channel.service);
      else this.#options.onHandlerError(error, channel.service);
      channel.abort(isAppError(error) ? error : decodeError(encodeError(error)));
    }
  }

  get #trafficClass(): TrafficClass {
    return this.#options.trafficClass ?? 'backup';
  }

  /** Who waits at the other end learns that it is the limit that it waits for, and not somebody who is gone. */
  #noteHeldBack(): void {
    for (const channel of this.#channels.values()) {
      const isQuiet = channel.bytesSent === channel.notedBytes;
      channel.notedBytes = channel.bytesSent;
      if (isQuiet && channel.heldBack) this.#scheduler.control({ type: 'held', channel: channel.id });
    }
  }

  #isOwn(id: number): boolean {
    return id % 2 === this.#nextId % 2;
  }

  #wasOpened(id: number): boolean {
    return this.#isOwn(id) ? id < this.#nextId : id <= this.#lastPeerId;
  }

  #finish(reason: AppError): void {
    if (this.#ended !== undefined) return;
    this.#ended = reason;
    this.#scheduler.stop();
    this.#heartbeat?.stop();
    const error = reason.code === 'connection_lost' ? reason : connectionLost(reason.message, reason);
    for (const channel of [...this.#channels.values()]) channel.fail(error);
    this.#resolveClosed(reason);
  }
}

function unknownService(service: string): AppError {
  return new AppError(`the other site has no service "${service}"`, {
    code: 'unknown_service',
    advice: 'Upgrade the site that runs the older version.',
  });
}

function tooManyChannels(): AppError {
  return new AppError('too many exchanges are open on one connection', {
    code: 'too_many_channels',
    retryable: true,
    advice: 'Wait until some of the running jobs are done.',
  });
}
