import { convergeCatalog } from '#catalog';
import { handshakeKeyOf, handshakePublicOf } from '#keys';
import { type Channel, dialLink, type Link, type LinkSettings, type PairSecret } from '#link';
import { type AppError, isAppError, systemClock, systemRandom, systemTimers } from '#runtime';
import { codecOf } from '#wire';
import { until, type WorldSite } from './hostile-world.ts';
import type { RawPair } from './raw-peer.ts';

/** One protobuf message as it is sent: any fields, also those that no honest end would give. */
export type Fields = Record<string, unknown>;

const messages = {
  replicateRequest: codecOf<Fields>('session.proto', 'sitepair.session.v1.ReplicateRequest'),
  replicateReply: codecOf<Fields>('session.proto', 'sitepair.session.v1.ReplicateReply'),
  fetchRequest: codecOf<Fields>('session.proto', 'sitepair.session.v1.FetchRequest'),
  fetchReply: codecOf<Fields>('session.proto', 'sitepair.session.v1.FetchReply'),
  uploadRequest: codecOf<Fields>('session.proto', 'sitepair.session.v1.UploadRequest'),
  uploadReply: codecOf<Fields>('session.proto', 'sitepair.session.v1.UploadReply'),
  readRequest: codecOf<Fields>('session.proto', 'sitepair.session.v1.ReadRequest'),
  readReply: codecOf<Fields>('session.proto', 'sitepair.session.v1.ReadReply'),
  catalog: codecOf<Fields>('catalog.proto', 'sitepair.catalog.v1.CatalogMessage'),
  pair: codecOf<Fields>('pairing.proto', 'sitepair.pairing.v1.PairMessage'),
};
export type MessageName = keyof typeof messages;

export function encode(name: MessageName, fields: Fields): Uint8Array {
  return messages[name].encode(fields);
}

export function decode(name: MessageName, bytes: Uint8Array): Fields {
  return messages[name].decode(bytes);
}

/** The bytes of a field that was received. */
export function bytesOf(message: Fields, ...path: readonly string[]): Uint8Array {
  let value: unknown = message;
  for (const name of path) value = (value as Fields | null | undefined)?.[name];
  return value instanceof Uint8Array ? value : new Uint8Array(0);
}

/** What a liar does on a channel that his victim opens; the default follows politely and says nothing. */
export type Lie = (channel: Channel) => Promise<void>;

/**
 * A legitimately paired appliance that is driven by a test: the honest one has been paired and put to sleep, and somebody
 * with all its keys and data speaks in its name, through the link library or in frames of any bytes.
 */
export class Liar {
  readonly site: WorldSite;
  readonly victim: WorldSite;
  readonly lies = new Map<string, Lie>();
  readonly pair: PairSecret;
  readonly #settings: LinkSettings;
  #link: Link | undefined;

  constructor(site: WorldSite, victim: WorldSite) {
    this.site = site;
    this.victim = victim;
    const { identity, peers } = site.appliance;
    const peer = peers.find(victim.appliance.identity.siteId);
    if (peer === undefined) throw new Error('a liar is paired first');
    this.pair = {
      peerSiteId: peer.siteId,
      peerStaticPublic: handshakePublicOf(peer.identityKey),
      psk: peer.secret,
      role: 'full',
      addresses: [victim.address],
    };
    const { siteId, key } = identity;
    const staticKeyPair = handshakeKeyOf(key);
    this.#settings = {
      identity: () => ({ siteId, incarnation: 1, staticKeyPair }),
      instance: systemRandom.bytes(8),
      software: '0.1.0',
      clock: systemClock,
      timers: systemTimers,
      random: systemRandom,
      onHandlerError: (error) => {
        throw error;
      },
    };
  }

  /** What a peer in frames of any bytes needs to know. */
  get raw(): RawPair {
    const { psk, peerStaticPublic } = this.pair;
    const { siteId, key } = this.site.appliance.identity;
    return { address: this.victim.address, psk, own: handshakeKeyOf(key), remoteStatic: peerStaticPublic, siteId };
  }

  /** The liar's link, dialled anew when the victim has ended the one before. */
  async link(): Promise<Link> {
    if (this.#link !== undefined) return this.#link;
    const link = await dialLink(this.victim.address, this.pair, this.#settings, (made) => {
      for (const service of ['pair', 'replicate', 'records', 'fetch', 'catalog'])
        made.serve(service, (channel) => (this.lies.get(service) ?? politely)(channel));
    });
    this.#link = link;
    void link.closed.then(() => {
      if (this.#link === link) this.#link = undefined;
    });
    await until(
      () => this.victim.appliance.links.link(this.site.appliance.identity.siteId) !== undefined,
      'the victim to see the liar',
    );
    return link;
  }

  async open(service: string): Promise<Channel> {
    return (await this.link()).open(service, service === 'records' || service === 'fetch' ? 'bulk' : 'control');
  }

  /** What mallory's log says is at the victim. */
  async converge(): Promise<void> {
    await convergeCatalog(this.site.appliance.catalog, await this.open('catalog'));
  }

  async hangUp(): Promise<void> {
    await this.#link?.close();
    this.#link = undefined;
  }
}

async function politely(channel: Channel): Promise<void> {
  while ((await channel.receive()) !== undefined);
}

/** The typed error by which the other end ended a channel; fails the test when it ended in any other way. */
export async function refusalOf(channel: Channel): Promise<AppError> {
  for (;;) {
    try {
      if ((await channel.receive()) === undefined) {
        throw new Error('the channel ended as if all were well');
      }
    } catch (error) {
      if (isAppError(error)) return error;
      throw error;
    }
  }
}
