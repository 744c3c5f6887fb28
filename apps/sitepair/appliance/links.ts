import { createServer, type Server } from 'node:http';
import { handshakePublicOf, pairHint } from '#keys';
import {
  type Door,
  type DoorSession,
  type Link,
  LinkKeeper,
  LinkServer,
  type LinkSettings,
  type LinkState,
  type PairBook,
  type PairSecret,
} from '#link';
import type { SiteId } from '#model';
import { AppError, equalBytes } from '#runtime';
import type { OpenInvitation } from './invitations.ts';
import { pairingEnded } from './pairing-errors.ts';
import type { Peer, PeerFile } from './peers.ts';

/** A way in for somebody without a pair: an invitation of a site or an agent, or the door key of a site that may have burnt. */
export type OpenDoor =
  | (Door & { readonly purpose: 'pairing'; readonly invitation: OpenInvitation })
  | (Door & { readonly purpose: 'agent'; readonly invitation: OpenInvitation; readonly name: string })
  | (Door & { readonly purpose: 'rebuild'; readonly peer: Peer });

export interface LinksOptions {
  readonly settings: LinkSettings;
  readonly peers: PeerFile;
  readonly invitations: () => readonly OpenInvitation[];
  /** Registers what this peer may open; called in the turn in which a link is there. */
  readonly serveLink: (link: Link) => void;
  /** Agents dial and are never dialled: nobody keeps their links for them. */
  readonly agentByHint: (hint: Uint8Array) => PairSecret | undefined;
  readonly onAgentLink: (link: Link) => void;
  readonly onUp: (link: Link, peer: Peer) => void;
  /** Peers of once that hear, when they dial, that they are none any more. */
  readonly toBeTold: () => readonly Peer[];
  /** The peer has ended its link with the word that it is one no more. */
  readonly onEnded: (siteId: Uint8Array) => void;
  readonly onDoorOpened: (door: OpenDoor, session: DoorSession) => void;
  readonly onRefused: (reason: AppError, address: string) => void;
}

/** All links of this appliance: who may come in, and who is dialled. */
export class Links {
  readonly #options: LinksOptions;
  readonly #server: LinkServer<OpenDoor>;
  readonly #keeper: LinkKeeper;
  readonly #listening: Server[] = [];

  constructor(options: LinksOptions) {
    this.#options = options;
    const { settings } = options;
    const pairs = this.#pairBook();
    const doors = { byHint: (hint: Uint8Array) => this.#doors().find((door) => equalBytes(pairHint(door.psk), hint)) };
    this.#keeper = new LinkKeeper({
      settings,
      pairs,
      onLink: options.serveLink,
      onChange: (siteId, state) => this.#onChange(siteId, state),
    });
    this.#server = new LinkServer<OpenDoor>({
      settings,
      pairs,
      doors,
      onLink: (link) => this.#accept(link),
      onDoorOpened: options.onDoorOpened,
      onRefused: options.onRefused,
    });
  }

  /** Dials every peer, and goes on doing so. */
  start(): void {
    for (const peer of this.#options.peers.all()) this.#keeper.start(peer.siteId);
  }

  /** Keeps a link to a new peer, or dials a known one at once, at its newest addresses. */
  keep(siteId: SiteId): void {
    this.#keeper.start(siteId);
    this.#keeper.nudge(siteId);
  }

  async drop(siteId: SiteId, reason: AppError): Promise<void> {
    await this.#keeper.stop(siteId, reason);
  }

  /** Answers on HOST:PORT (port 0: any free one) and returns the address it has. Throws `listen_failed`. */
  async listen(address: string): Promise<string> {
    const { host, port } = parseListenAddress(address);
    const server = createServer();
    this.#server.attach(server);
    await new Promise<void>((resolve, reject) => {
      server.once('error', (cause) => reject(listenFailed(address, cause)));
      server.listen(port, host, resolve);
    });
    this.#listening.push(server);
    const bound = server.address();
    const boundPort = typeof bound === 'object' && bound !== null ? bound.port : port;
    return `${host.includes(':') ? `[${host}]` : host}:${boundPort}`;
  }

  link(siteId: Uint8Array): Link | undefined {
    return this.#keeper.link(siteId);
  }

  state(siteId: Uint8Array): LinkState {
    return this.#keeper.state(siteId);
  }

  async close(): Promise<void> {
    this.#server.close();
    await this.#keeper.close();
    await Promise.all(
      this.#listening.map((server) => {
        server.closeAllConnections();
        return new Promise((resolve) => server.close(resolve));
      }),
    );
  }

  #accept(link: Link): void {
    if (link.peer.role === 'agent') this.#options.onAgentLink(link);
    else if (this.#options.peers.find(link.peer.siteId) === undefined) void link.close(pairingEnded());
    else this.#keeper.accept(link);
  }

  #onChange(siteId: Uint8Array, state: LinkState): void {
    const reason = 'reason' in state ? state.reason : undefined;
    if (reason?.code === 'pairing_ended' && reason.details.saidBy !== undefined) this.#options.onEnded(siteId);
    const peer = this.#options.peers.find(siteId);
    if (state.state === 'up' && peer !== undefined) this.#options.onUp(state.link, peer);
  }

  #pairBook(): PairBook {
    const { peers, agentByHint, toBeTold } = this.#options;
    const secretOf = (peer: Peer | undefined): PairSecret | undefined =>
      peer && {
        peerSiteId: peer.siteId,
        peerStaticPublic: handshakePublicOf(peer.identityKey),
        psk: peer.secret,
        role: peer.role,
        addresses: peer.addresses,
      };
    return {
      byHint: (hint) =>
        secretOf([...peers.all(), ...toBeTold()].find((peer) => equalBytes(pairHint(peer.secret), hint))) ??
        agentByHint(hint),
      byPeer: (siteId) => secretOf(peers.find(siteId)),
    };
  }

  #doors(): OpenDoor[] {
    const invited = this.#options
      .invitations()
      .map((invitation) =>
        invitation.agent === undefined
          ? { purpose: 'pairing' as const, psk: invitation.secret, invitation }
          : { purpose: 'agent' as const, psk: invitation.secret, invitation, name: invitation.agent },
      );
    const burnt = this.#options.peers
      .paired()
      .filter((peer) => peer.doorKey.length === 32)
      .map((peer) => ({ purpose: 'rebuild' as const, psk: peer.doorKey, peer }));
    return [...invited, ...burnt];
  }
}

/** Splits HOST:PORT, `[v6]:PORT` or a bare PORT. Throws `bad_address`. */
function parseListenAddress(address: string): { readonly host: string; readonly port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(address.includes(':') ? address : `0.0.0.0:${address}`);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) {
    throw new AppError(`"${address}" is no address to listen on`, {
      code: 'bad_address',
      advice: 'Write HOST:PORT, for instance 0.0.0.0:7400 or [::]:7400.',
    });
  }
  return { host: match[1] ?? (match[2] || '0.0.0.0'), port };
}

function listenFailed(address: string, cause: unknown): AppError {
  return new AppError(`cannot listen on ${address}`, {
    code: 'listen_failed',
    advice: 'Choose a free port and an address of this machine: "sitepair serve --listen HOST:PORT".',
    cause,
  });
}
