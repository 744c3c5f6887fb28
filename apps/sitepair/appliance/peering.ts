import { handshakeKeyOf } from '#keys';
import { dataConnectionsFor, defaultSocketTuning, type LinkSettings, sendBufferBytesMax } from '#link';
import { softwareVersion } from '../software-version.ts';
import type { Appliance } from './appliance.ts';
import { LineTestReceiver } from './line-test-receiver.ts';
import { LinkServices } from './link-services.ts';
import { Links } from './links.ts';
import { Pairing } from './pairing.ts';
import { PairingDoor } from './pairing-door.ts';
import { PeerTraffic } from './peer-traffic.ts';
import { RefusalLog } from './refusal-log.ts';
import { welcomeBack } from './return-door.ts';
import { Unpairing } from './unpairing.ts';

/** Everything of an appliance that has to do with peers. */
export interface Peering {
  readonly door: PairingDoor;
  readonly pairing: Pairing;
  readonly unpairing: Unpairing;
  readonly traffic: PeerTraffic;
  readonly services: LinkServices;
  readonly links: Links;
}

/** Wires it. What an appliance gets later in its making is asked for when it is needed. */
export function peeringOf(appliance: Appliance): Peering {
  const { environment, peers, realm, keys, identity, catalog, store, receiver, invitations, vaults, shaping, health } =
    appliance;
  const { timers, clock, logger } = environment;
  const settings = linkSettingsOf(appliance);
  const links = () => appliance.links;
  const nowSeconds = () => Math.floor(clock.nowMs() / 1000);
  const onFailure = (error: unknown) => appliance.note(error, 'pairing');
  const door = new PairingDoor({
    identity: () => identity,
    settings,
    peers,
    invitations,
    introduction: () => realm.introduction(),
    removedSites: () => catalog.views.removedSites(),
    knownSites: () => catalog.views.sites(),
    links,
    clock,
  });
  const pairing = new Pairing({
    timers,
    peers,
    keys,
    log: realm,
    links,
    sealedKeyring: () => appliance.secrets.readSealedKeyring(),
    lend: async (peer, sealed) => (await vaults.of(peer)).keepSealedKeyring(peer, sealed),
    onJoined: (link, peer) => appliance.traffic.follow(link, peer),
    onFailure,
  });
  const unpairing = new Unpairing({
    peers,
    log: realm,
    realm: catalog.views,
    ownSiteId: identity.siteId,
    links,
    nowSeconds,
    rotateDataKey: () => appliance.operations.keyRotate(),
    onFailure,
  });
  const services = new LinkServices({
    peers,
    pairing,
    own: { catalog, store, receiver, onHeard: () => appliance.heard() },
    vaults,
    shaping,
    health,
    lineTests: new LineTestReceiver(clock, timers),
  });
  const traffic = new PeerTraffic({
    peers,
    links,
    pairing,
    services,
    shaping,
    replicator: () => appliance.replicator,
    timers,
    onFailure: (error, doing) => appliance.note(error, doing),
  });
  return {
    door,
    pairing,
    unpairing,
    services,
    traffic,
    links: new Links({
      settings,
      peers,
      invitations: () => invitations.current(),
      agentByHint: (hint) => appliance.agents.file.pairByHint(hint),
      onAgentLink: (link) => appliance.agents.accept(link),
      serveLink: (link) => services.serve(link),
      onUp: (link, peer) => {
        logger.info({ peer: peer.name }, 'the link is up');
        traffic.begin(link, peer);
      },
      toBeTold: () => peers.toBeTold(nowSeconds()),
      onEnded: (siteId) => void unpairing.endedThere(siteId).catch(onFailure),
      onDoorOpened: (opened, session) => {
        if (opened.purpose === 'pairing') door.welcome(opened.invitation, session);
        else if (opened.purpose === 'agent') appliance.agents.welcome(opened.invitation, opened.name, session);
        else welcomeBack(appliance, opened.peer, session);
      },
      onRefused: (reason, address) => logger.warn({ err: reason, address }, 'a connection was refused'),
    }),
  };
}

function linkSettingsOf(appliance: Appliance): LinkSettings {
  const { environment, identity, catalog, peers } = appliance;
  const { clock, timers, random, logger } = environment;
  const { siteId, key } = identity;
  const staticKeyPair = handshakeKeyOf(key);
  const refusals = new RefusalLog({ logger, clock });
  return {
    identity: () => ({ siteId, incarnation: catalog.incarnation()?.number ?? 0, staticKeyPair }),
    shaper: (id) => appliance.shaping.of(id),
    dataConnections: dataConnectionsFor({ sendBufferBytesMax: sendBufferBytesMax() }),
    sockets: defaultSocketTuning,
    instance: random.bytes(8),
    software: softwareVersion(),
    clock,
    timers,
    random,
    onHandlerError: (error, service) => logger.error({ err: error, service }, 'a peer was not served'),
    onRefusal: (error, service, id) => {
      const peer = peers.find(id);
      // Who is not a member yet asks too early, again and again, until it is.
      if (error.code === 'not_paired' && peer?.joined !== true) return;
      refusals.note(error, peer?.name ?? appliance.agents.file.find(id)?.name ?? 'somebody at a door', service);
    },
  };
}
