import type { AppError } from '#runtime';
import type { TrafficClass } from '#shaper';
import { IncomingMessages } from './incoming-messages.ts';
import { ChannelClosedError } from './link-errors.ts';
import { OutgoingMessages } from './outgoing-messages.ts';

/** One exchange with a service of the other end: an ordered stream of messages each way, each with its own credit. */
export interface Channel extends AsyncDisposable {
  readonly service: string;
  /** What this end's messages on it are for: it decides their turn at the limit. May be set at any time. */
  trafficClass: TrafficClass;
  /**
   * Resolves once the message is within the other end's credit and handed to the connection; its bytes must not change
   * before. Rejects with ChannelClosedError when the channel ends first, with `message_too_large` above 8 MiB.
   */
  send(message: Uint8Array): Promise<void>;
  /** The next message; undefined after the other end's end(). Rejects with what the channel was aborted with. */
  receive(): Promise<Uint8Array | undefined>;
  /** No more messages from this end. Resolves once that is handed to the connection, after all of them. */
  end(): Promise<void>;
  /** Ends both directions at once; the other end's receive() rejects with `error`, what waits is dropped. */
  abort(error: AppError): void;
  /** Resolves when both ends have ended, or it was aborted, or the connection is gone. Never rejects. */
  readonly closed: Promise<void>;
  /** Payload bytes handed to the connection, and received from it. */
  readonly bytesSent: number;
  readonly bytesReceived: number;
  /** Nothing but this end's limit keeps it from sending. */
  readonly heldBack: boolean;
  /** How often the other end has said that of itself. */
  readonly heldNotes: number;
}

/** What a channel asks of its mux. */
export interface ChannelHost {
  /** There may be something to send now. */
  sendable(channel: MuxChannel): void;
  /** Credit may be due to the other end. */
  consumed(channel: MuxChannel): void;
  reclassed(channel: MuxChannel, before: TrafficClass): void;
  isHeldBack(channel: MuxChannel): boolean;
  sendAbort(channel: MuxChannel, error: AppError): void;
  /** The channel is over: its number will not be used again. */
  over(channel: MuxChannel): void;
}

/** A channel of a mux; the mux feeds it frames and takes fragments out. */
export class MuxChannel implements Channel {
  readonly id: number;
  readonly service: string;
  readonly closed: Promise<void>;
  readonly outgoing = new OutgoingMessages();
  readonly incoming: IncomingMessages;
  bytesSent = 0;
  bytesReceived = 0;
  heldNotes = 0;
  /** For the mux: what it had sent when the other end was last told that it is held back, or might have been. */
  notedBytes = 0;
  readonly #host: ChannelHost;
  #trafficClass: TrafficClass;
  #over = false;
  #resolveClosed: () => void;
  #resolveEnded: () => void;
  readonly #ended: Promise<void>;

  constructor(id: number, service: string, windowBytes: number, trafficClass: TrafficClass, host: ChannelHost) {
    this.id = id;
    this.service = service;
    this.incoming = new IncomingMessages(windowBytes);
    this.#trafficClass = trafficClass;
    this.#host = host;
    const closed = Promise.withResolvers<void>();
    this.closed = closed.promise;
    this.#resolveClosed = closed.resolve;
    const ended = Promise.withResolvers<void>();
    this.#ended = ended.promise;
    this.#resolveEnded = ended.resolve;
  }

  get trafficClass(): TrafficClass {
    return this.#trafficClass;
  }

  set trafficClass(trafficClass: TrafficClass) {
    const before = this.#trafficClass;
    this.#trafficClass = trafficClass;
    this.#host.reclassed(this, before);
  }

  get heldBack(): boolean {
    return this.#host.isHeldBack(this);
  }

  get over(): boolean {
    return this.#over;
  }

  send(message: Uint8Array): Promise<void> {
    const sent = this.outgoing.send(message);
    this.#host.sendable(this);
    return sent;
  }

  receive(): Promise<Uint8Array | undefined> {
    const received = this.incoming.receive();
    this.#host.consumed(this);
    return received;
  }

  end(): Promise<void> {
    this.outgoing.end();
    this.#host.sendable(this);
    return this.#ended;
  }

  abort(error: AppError): void {
    if (this.#over) return;
    this.#host.sendAbort(this, error);
    this.fail(error);
  }

  /** Ends politely if everything was said, else tells the other end that nobody listens any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#over) return;
    if (this.outgoing.endAsked) this.discard();
    else this.abort(abandoned(this.service));
  }

  /** Nobody will receive any more; what still comes is dropped until the other end ends. */
  discard(): void {
    this.incoming.discard();
    this.#host.consumed(this);
  }

  /** For the mux: the last fragment, which was the end, is handed over. */
  endSent(): void {
    this.#resolveEnded();
    this.#finishWhenBothEnded();
  }

  /** For the mux: the other end has ended. */
  endReceived(): void {
    this.incoming.end();
    this.#finishWhenBothEnded();
  }

  /** For the mux: the channel is over because of `error`. */
  fail(error: AppError): void {
    if (this.#over) return;
    this.outgoing.fail(error);
    this.incoming.fail(error);
    this.#finish();
  }

  #finishWhenBothEnded(): void {
    if (this.outgoing.ended && this.incoming.ended) this.#finish();
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#host.over(this);
    this.#resolveEnded();
    this.#resolveClosed();
  }
}

function abandoned(service: string): AppError {
  return new ChannelClosedError(`the other site does not follow "${service}" to its end`);
}
