import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { pairHint } from '#keys';
import { type AppError, equalBytes, systemClock, systemRandom, systemTimers } from '#runtime';
import type { VersionRange } from '../first-message.ts';
import type { Link } from '../link.ts';
import type { DoorSession } from '../link-dialer.ts';
import { LinkServer } from '../link-server.ts';
import type { Door, LinkSettings, PairSecret } from '../link-settings.ts';
import type { StrangerLimits } from '../stranger-limits.ts';
import { generateKeyPair, type KeyPair } from '../x25519.ts';

/** One end of a link for tests: settings, books that the test fills, a listening server. */
export interface TestSite extends AsyncDisposable {
  readonly siteId: Uint8Array;
  readonly staticKeyPair: KeyPair;
  readonly settings: LinkSettings;
  readonly pairs: PairSecret[];
  readonly doors: Door[];
  readonly http: Server;
  readonly server: LinkServer;
  readonly address: string;
  /** Links that were accepted, doors that were opened, reasons for refusals. */
  readonly links: Link[];
  readonly opened: DoorSession[];
  readonly refused: AppError[];
  onLink: (link: Link) => void;
  liveSockets(): Socket[];
  cutAllSockets(): void;
}

export interface TestSiteOptions {
  readonly siteId?: Uint8Array;
  readonly staticKeyPair?: KeyPair;
  readonly versions?: VersionRange;
  readonly settings?: Partial<LinkSettings>;
  readonly limits?: StrangerLimits;
}

export async function testSite(options: TestSiteOptions = {}): Promise<TestSite> {
  const siteId = options.siteId ?? systemRandom.bytes(16);
  const staticKeyPair = options.staticKeyPair ?? generateKeyPair();
  const settings: LinkSettings = {
    identity: () => ({ siteId, incarnation: 1, staticKeyPair }),
    instance: systemRandom.bytes(8),
    software: '0.1.0-test',
    clock: systemClock,
    timers: systemTimers,
    random: systemRandom,
    onHandlerError: (error) => {
      throw error;
    },
    ...(options.versions === undefined ? {} : { versions: options.versions }),
    ...options.settings,
  };
  const pairs: PairSecret[] = [];
  const doors: Door[] = [];
  const links: Link[] = [];
  const opened: DoorSession[] = [];
  const refused: AppError[] = [];
  const sockets = new Set<Socket>();
  const http = createServer();
  http.on('connection', (socket) => sockets.add(socket));
  const server = new LinkServer({
    settings,
    pairs: bookOf(pairs),
    doors: { byHint: (hint) => doors.find(({ psk }) => equalBytes(pairHint(psk), hint)) },
    onLink: (link) => {
      links.push(link);
      site.onLink(link);
    },
    onDoorOpened: (_door, session) => opened.push(session),
    onRefused: (reason) => refused.push(reason),
    ...(options.limits === undefined ? {} : { limits: options.limits }),
  });
  server.attach(http);
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const { port } = http.address() as AddressInfo;
  const site: TestSite = {
    siteId,
    staticKeyPair,
    settings,
    pairs,
    doors,
    http,
    server,
    links,
    opened,
    refused,
    address: `127.0.0.1:${port}`,
    onLink: () => undefined,
    liveSockets: () => [...sockets].filter((socket) => !socket.destroyed),
    cutAllSockets: () => {
      for (const socket of sockets) socket.destroy();
      sockets.clear();
    },
    async [Symbol.asyncDispose]() {
      server.close();
      for (const { mux } of opened) void mux.close();
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => http.close(resolve));
    },
  };
  return site;
}

export function bookOf(pairs: readonly PairSecret[]) {
  return {
    byHint: (hint: Uint8Array) => pairs.find(({ psk }) => equalBytes(pairHint(psk), hint)),
    byPeer: (siteId: Uint8Array) => pairs.find(({ peerSiteId }) => equalBytes(peerSiteId, siteId)),
  };
}

/** Puts a fresh pair into both books; both know each other's address. */
export function pairUp(
  left: TestSite,
  right: TestSite,
): { readonly leftPair: PairSecret; readonly rightPair: PairSecret } {
  const psk = systemRandom.bytes(32);
  const leftPair = pairOf(right, psk);
  const rightPair = pairOf(left, psk);
  left.pairs.push(leftPair);
  right.pairs.push(rightPair);
  return { leftPair, rightPair };
}

function pairOf(peer: TestSite, psk: Uint8Array): PairSecret {
  return {
    peerSiteId: peer.siteId,
    peerStaticPublic: peer.staticKeyPair.publicKey,
    psk,
    role: 'full',
    addresses: [peer.address],
  };
}
