import type { IncomingMessage, Server } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { pairHint } from '#keys';
import { type AppError, equalBytes, isAppError, toHex } from '#runtime';
import {
  commonVersion,
  type FirstMessage,
  isFrom,
  linkVersions,
  parseFirstMessage,
  sealRefusal,
  versionError,
} from './first-message.ts';
import { answer, type Greeting, receiveFrame } from './handshake.ts';
import { Link } from './link.ts';
import { type DoorSession, doorSession } from './link-dialer.ts';
import { handshakeFailed, linkClosed } from './link-errors.ts';
import {
  type Door,
  type DoorBook,
  dataConnectionsMax,
  helloOf,
  type LinkSettings,
  type PairBook,
  type PairSecret,
} from './link-settings.ts';
import { ReplayGuard } from './replay-guard.ts';
import { defaultStrangerLimits, type StrangerLimits, StrangerRoom } from './stranger-limits.ts';
import { unauthenticatedFrameBytesMax, WebSocketConduit, webSocketOptions } from './websocket-conduit.ts';
import { linkPath } from './websocket-dial.ts';

export interface LinkServerOptions<D extends Door> {
  readonly settings: LinkSettings;
  readonly pairs: PairBook;
  readonly doors?: DoorBook<D>;
  /** A peer has dialled. Services are registered in this turn; whoever keeps links decides whether it may stay. */
  readonly onLink: (link: Link) => void;
  /** Somebody came through a door. Services are registered in this turn; the mux is closed by whoever gets it. */
  readonly onDoorOpened?: (door: D, session: DoorSession) => void;
  /** Somebody who knows a psk was turned away, with a reason that an admin can act on. */
  readonly onRefused?: (reason: AppError, address: string) => void;
  readonly limits?: StrangerLimits;
}

/** The secret that a first message names by its hint, and what it opens. */
type Entrance<D> =
  | { readonly entry: 'control'; readonly psk: Uint8Array; readonly pair: PairSecret }
  | { readonly entry: 'data'; readonly psk: Uint8Array; readonly pair: PairSecret; readonly link: Link }
  | { readonly entry: 'door'; readonly psk: Uint8Array; readonly door: D };

/** Answers dialling peers, and strangers at doors: the closed door of guarantee G3. */
export class LinkServer<D extends Door = Door> {
  readonly #options: LinkServerOptions<D>;
  readonly #room: StrangerRoom;
  readonly #replays = new ReplayGuard();
  readonly #linksByDataHint = new Map<string, Link>();
  readonly #webSockets = new WebSocketServer({
    ...webSocketOptions,
    noServer: true,
    clientTracking: false,
    maxPayload: unauthenticatedFrameBytesMax,
  });

  constructor(options: LinkServerOptions<D>) {
    this.#options = options;
    this.#room = new StrangerRoom(options.limits ?? defaultStrangerLimits, options.settings.timers);
  }

  /** Connections whose other end is not known yet. */
  get strangerCount(): number {
    return this.#room.count;
  }

  /** Takes over a server that serves nothing but the link: its connections count and are timed from the first byte. */
  attach(server: Server): void {
    server.maxHeadersCount = 64;
    server.on('connection', (socket: Socket) => this.#room.enter(socket, socket.remoteAddress ?? ''));
    server.on('request', (_request, response) => response.writeHead(404, { connection: 'close' }).end());
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      if (!this.handleUpgrade(request, socket, head)) socket.destroy();
    });
  }

  /** For a server that serves other things too: false when the upgrade request is not for the link, and is left alone. */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): boolean {
    if (!(socket instanceof Socket) || request.url !== linkPath) return false;
    const address = socket.remoteAddress ?? '';
    if (!this.#room.enter(socket, address)) return true;
    this.#webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      void this.#welcome(new WebSocketConduit(webSocket, socket, this.#options.settings.timers), socket, address);
    });
    return true;
  }

  /** Ends all that is under way and all links that were answered here. */
  close(reason: AppError = linkClosed('this site shuts down')): void {
    this.#room.clear();
    for (const link of this.#linksByDataHint.values()) void link.close(reason);
  }

  /** First what a stranger may cost: one message of fixed size, one look-up, one MAC. Whatever is wrong, he hears nothing. */
  async #welcome(conduit: WebSocketConduit, socket: Socket, address: string): Promise<void> {
    const first = await this.#firstMessage(conduit);
    const entrance = first && this.#find(first);
    if (!first || !entrance || !isFrom(first, entrance.psk) || !this.#replays.isNew(first.mac)) {
      conduit.destroy('a stranger');
      return;
    }
    try {
      const greeting = await this.#greet(conduit, first, entrance);
      this.#room.leave(socket);
      this.#admit(entrance, greeting, address);
    } catch (error) {
      if (!isAppError(error)) throw error;
      conduit.destroy(error.message);
      this.#options.onRefused?.(error, address);
    }
  }

  async #firstMessage(conduit: WebSocketConduit): Promise<FirstMessage | undefined> {
    try {
      return await receiveFrame(conduit, parseFirstMessage);
    } catch (error) {
      if (!isAppError(error)) throw error;
      // The connection ended before anything came: there is nobody to tell.
      return undefined;
    }
  }

  #find({ entry, hint, purpose }: FirstMessage): Entrance<D> | undefined {
    if (entry === 'control') {
      const pair = this.#options.pairs.byHint(hint);
      return pair && { entry, psk: pair.psk, pair };
    }
    if (entry === 'data') {
      const link = this.#linksByDataHint.get(toHex(hint));
      return link && { entry, psk: link.dataPair.psk, pair: link.dataPair, link };
    }
    const door = this.#options.doors?.byHint(hint);
    return door?.purpose === purpose ? door && { entry, psk: door.psk, door } : undefined;
  }

  /** The handshake with somebody who knows the psk. */
  async #greet(conduit: WebSocketConduit, first: FirstMessage, entrance: Entrance<D>): Promise<Greeting> {
    const { settings } = this.#options;
    const { versions = linkVersions, messageBytesMax } = settings;
    const version = commonVersion(versions, first.versions);
    if (version === undefined) {
      conduit.send([sealRefusal(first, versions, entrance.psk)]);
      conduit.close();
      await conduit.closed;
      throw versionError(versions, first.versions);
    }
    return await answer(conduit, first, version, {
      psk: entrance.psk,
      versions,
      staticKeyPair: settings.identity().staticKeyPair,
      hello: helloOf(settings),
      ...(messageBytesMax === undefined ? {} : { messageBytesMax }),
      ...(entrance.entry === 'door' ? {} : { remoteStatic: entrance.pair.peerStaticPublic }),
    });
  }

  #admit(entrance: Entrance<D>, greeting: Greeting, address: string): void {
    const { settings, onDoorOpened, onLink } = this.#options;
    if (entrance.entry === 'door') {
      const session = doorSession(greeting, false, settings, address);
      if (onDoorOpened === undefined) void session.mux.close();
      else onDoorOpened(entrance.door, session);
      return;
    }
    if (!equalBytes(greeting.hello.siteId, entrance.pair.peerSiteId)) {
      throw handshakeFailed('the other end says that it is another site than the paired one');
    }
    if (entrance.entry === 'data') {
      if (entrance.link.dataConnectionCount >= dataConnectionsMax)
        throw handshakeFailed('a link has too many connections');
      void entrance.link.addData(greeting);
      return;
    }
    const link = new Link(greeting, entrance.pair, false, settings);
    const dataHint = toHex(pairHint(link.dataPair.psk));
    this.#linksByDataHint.set(dataHint, link);
    void link.closed.then(() => this.#linksByDataHint.delete(dataHint));
    onLink(link);
  }
}
