import { AppError, assert, isAppError } from '#runtime';
import type { LinkShaper } from '#shaper';
import type { Channel } from './channel.ts';
import type { Greeting } from './handshake.ts';
import { linkClosed } from './link-errors.ts';
import { handshakeTimeoutMs, type LinkSettings, type PairSecret } from './link-settings.ts';
import { type ChannelOptions, Mux } from './mux.ts';
import { hmacSha256 } from './noise-symmetric.ts';
import { type ServiceHandler, ServiceTable } from './service-table.ts';
import type { LineReading } from './tcp-line.ts';

/** Control: small and never behind bulk. Bulk: over the data connections. */
export type ChannelClass = 'control' | 'bulk';

/** Who is at the other end, proved by the handshake. */
export interface LinkPeer {
  readonly siteId: Uint8Array;
  readonly role: string;
  readonly incarnation: number;
  readonly instance: Uint8Array;
  readonly software: string;
  /** The peer's wall clock minus ours when the link began; about a round trip wrong. */
  readonly clockSkewSeconds: number;
}

/** What the kernel counts of a link: payload, retransmissions, TCP and IP headers. */
export interface LinkWire {
  /** Of all connections, those that are gone included. */
  readonly sentBytes: number;
  readonly receivedBytes: number;
  readonly sentSegments: number;
  readonly resentSegments: number;
  /** Of the control connection, which carries no bulk: what the line takes, queues at both ends not included. */
  readonly roundTripMs: number | undefined;
  /** Now; undefined where the kernel does not count: the bytes of the protocol stand in for it then, without headers. */
  readonly connections: readonly { readonly kind: 'control' | 'data'; readonly line: LineReading | undefined }[];
}

/**
 * A live connection to a peer: one control connection, whose end is the link's end, and data connections that may come and
 * go. Services must be registered in the turn in which the link is handed over.
 */
export class Link {
  readonly peer: LinkPeer;
  readonly dialledByUs: boolean;
  readonly version: number;
  /** Names this link; both ends have the same. */
  readonly handshakeHash: Uint8Array;
  /** Resolves with what ended the link; never rejects. */
  readonly closed: Promise<AppError>;
  /** The pair, with the PSK of this very link: under it data connections are dialled and found. */
  readonly dataPair: PairSecret;
  readonly #settings: LinkSettings;
  readonly #services = new ServiceTable();
  readonly #control: Mux;
  readonly #data = new Set<Mux>();
  #firstData = Promise.withResolvers<void>();
  #ended: AppError | undefined;
  #dataError: AppError | undefined;
  readonly #shaper: LinkShaper | undefined;
  readonly #notes = new Set<string>();
  readonly #onData = new Set<(mux: Mux) => void>();
  #past = { bytesSent: 0, bytesReceived: 0, wireSent: 0, wireReceived: 0, sentSegments: 0, resentSegments: 0 };

  constructor(greeting: Greeting, pair: PairSecret, dialledByUs: boolean, settings: LinkSettings) {
    const { hello, session, version } = greeting;
    this.peer = {
      siteId: hello.siteId,
      role: pair.role,
      incarnation: hello.incarnation,
      instance: hello.instance,
      software: hello.software,
      clockSkewSeconds: hello.clockSeconds - Math.floor(settings.clock.nowMs() / 1000),
    };
    this.dialledByUs = dialledByUs;
    this.version = version;
    this.handshakeHash = session.handshakeHash;
    const dataPsk = hmacSha256(pair.psk, Buffer.from('sitepair link data v1\0', 'latin1'), session.handshakeHash);
    this.dataPair = { ...pair, psk: new Uint8Array(dataPsk) };
    this.#settings = settings;
    this.#shaper = settings.shaper?.(hello.siteId);
    this.#control = this.#mux(greeting, 'catalog');
    this.closed = this.#control.closed;
    const deadline = settings.timers.after(
      handshakeTimeoutMs,
      () => void this.close(noDataConnection(this.#dataError)),
    );
    void this.whenUp().then(
      () => deadline.cancel(),
      () => deadline.cancel(),
    );
    void this.closed.then((reason) => {
      this.#ended = reason;
      for (const mux of this.#data) void mux.close(reason);
      this.#onData.clear();
      this.#firstData.resolve();
      if (reason.code === 'protocol_violation') settings.onRefusal?.(reason, 'link', this.peer.siteId);
    });
  }

  get roundTripMs(): number | undefined {
    return this.#control.roundTripMs;
  }

  /** Why the newest attempt at a data connection failed, while one is missing. */
  get dataError(): AppError | undefined {
    return this.#dataError;
  }

  get dataConnectionCount(): number {
    return this.#data.size;
  }

  /** Bytes of all connections, those that are gone included; TCP/IP headers not. */
  get bytesSent(): number {
    return this.#past.bytesSent + this.#control.bytesSent + sum(this.#data, (mux) => mux.bytesSent);
  }

  get bytesReceived(): number {
    return this.#past.bytesReceived + this.#control.bytesReceived + sum(this.#data, (mux) => mux.bytesReceived);
  }

  /** What the kernel does not do for the sockets of this link, as sentences: it works with less. */
  get socketNotes(): readonly string[] {
    return [...this.#notes];
  }

  /** What the line has carried, as its router counts it. */
  wire(): LinkWire {
    const muxes = [this.#control, ...this.#data];
    const counts = muxes.map(countsOf);
    return {
      sentBytes: this.#past.wireSent + sum(counts, (count) => count.wireSent),
      receivedBytes: this.#past.wireReceived + sum(counts, (count) => count.wireReceived),
      sentSegments: this.#past.sentSegments + sum(counts, (count) => count.sentSegments),
      resentSegments: this.#past.resentSegments + sum(counts, (count) => count.resentSegments),
      roundTripMs: this.#control.line?.roundTripMs ?? this.roundTripMs,
      connections: muxes.map((mux) => ({ kind: mux === this.#control ? 'control' : 'data', line: mux.line })),
    };
  }

  /** Resolves once the link can carry both classes; rejects with the reason when it ends before. */
  async whenUp(): Promise<void> {
    while (this.#data.size === 0) {
      if (this.#ended !== undefined) throw this.#ended;
      await this.#firstData.promise;
    }
  }

  /**
   * A channel to a service of the peer. Bulk takes the data connection with the fewest channels, and waits when there is
   * none just now. Its traffic is 'catalog' on the control connection and 'backup' on the others unless said otherwise.
   * Rejects with the reason when the link is over.
   */
  async open(service: string, channelClass: ChannelClass, options: ChannelOptions = {}): Promise<Channel> {
    if (channelClass === 'control') return this.#control.open(service, options);
    await this.whenUp();
    const [first, ...others] = this.#data;
    assert(first !== undefined, 'a link that is up has a data connection');
    const idlest = others.reduce((best, mux) => (mux.channelCount < best.channelCount ? mux : best), first);
    return idlest.open(service, options);
  }

  /**
   * A channel to `service` over each data connection: those that are there, and each that comes until `signal` ends that.
   * Throws the reason when there are some and none takes a channel.
   */
  openOnEach(
    service: string,
    options: ChannelOptions,
    signal: AbortSignal,
    onChannel: (channel: Channel) => void,
  ): void {
    const failures: AppError[] = [];
    const open = (mux: Mux) => {
      let channel: Channel;
      try {
        channel = mux.open(service, options);
      } catch (error) {
        // One that is full or just over is done without: the others carry its part.
        if (!isAppError(error)) throw error;
        failures.push(error);
        return;
      }
      onChannel(channel);
    };
    for (const mux of this.#data) open(mux);
    const [failure] = failures;
    if (failure !== undefined && failures.length === this.#data.size) throw failure;
    this.#onData.add(open);
    signal.addEventListener('abort', () => this.#onData.delete(open));
  }

  /** What the peer may open, on any connection of this link. */
  serve(service: string, handler: ServiceHandler): void {
    this.#services.serve(service, handler);
  }

  /** Ends the link and, before this returns, every channel of it, on whatever connection; the peer is told why. */
  close(reason: AppError = linkClosed('the link was closed')): Promise<AppError> {
    const closed = this.#control.close(reason);
    for (const mux of [...this.#data]) void mux.close(reason);
    return closed;
  }

  /** For who dials or answers: one more data connection, bound to this link by its PSK. Resolves when it is gone. */
  async addData(greeting: Greeting): Promise<void> {
    const { sockets } = this.#settings;
    if (sockets !== undefined) for (const note of greeting.conduit.line?.tune(sockets) ?? []) this.#notes.add(note);
    const mux = this.#mux(greeting, 'backup');
    if (this.#ended !== undefined) {
      await mux.close(this.#ended);
      return;
    }
    this.#data.add(mux);
    this.#dataError = undefined;
    this.#firstData.resolve();
    for (const tell of [...this.#onData]) tell(mux);
    const reason = await mux.closed;
    // Whoever breaks the protocol on one connection is not talked to on the others: the peer hears why, and so does the log.
    if (reason.code === 'protocol_violation') void this.close(reason);
    this.#data.delete(mux);
    if (this.#data.size === 0 && this.#ended === undefined) this.#firstData = Promise.withResolvers<void>();
    const counts = countsOf(mux);
    this.#past = {
      bytesSent: this.#past.bytesSent + mux.bytesSent,
      bytesReceived: this.#past.bytesReceived + mux.bytesReceived,
      wireSent: this.#past.wireSent + counts.wireSent,
      wireReceived: this.#past.wireReceived + counts.wireReceived,
      sentSegments: this.#past.sentSegments + counts.sentSegments,
      resentSegments: this.#past.resentSegments + counts.resentSegments,
    };
  }

  /** For who dials: a data connection could not be made, which is tried again. */
  dataFailed(error: AppError): void {
    this.#dataError = error;
  }

  #mux(greeting: Greeting, trafficClass: 'catalog' | 'backup'): Mux {
    const { clock, timers, heartbeat, onHandlerError, onRefusal } = this.#settings;
    return new Mux(greeting.conduit, {
      isDialler: this.dialledByUs,
      clock,
      timers,
      onHandlerError,
      onRefusal: (error, service) => onRefusal?.(error, service, this.peer.siteId),
      services: this.#services,
      trafficClass,
      ...(heartbeat === undefined ? {} : { heartbeat }),
      ...(this.#shaper === undefined ? {} : { shaper: this.#shaper }),
    });
  }
}

function noDataConnection(cause: AppError | undefined): AppError {
  return new AppError('no data connection could be opened beside the control connection', {
    code: 'data_connection_failed',
    retryable: true,
    advice: 'Check what is between the sites: a firewall or proxy may allow one connection only.',
    cause,
  });
}

function countsOf(mux: Mux) {
  const { line } = mux;
  return {
    wireSent: line?.wireBytes ?? mux.bytesSent,
    wireReceived: line?.receivedWireBytes ?? mux.bytesReceived,
    sentSegments: line?.sentSegments ?? 0,
    resentSegments: line?.resentSegments ?? 0,
  };
}

function sum<T>(items: Iterable<T>, value: (item: T) => number): number {
  let total = 0;
  for (const item of items) total += value(item);
  return total;
}
