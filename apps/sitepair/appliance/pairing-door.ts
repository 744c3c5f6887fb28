import { pairSecret, type SiteIdentity, sixWords } from '#keys';
import { type DoorSession, dialDoor, type LinkSettings } from '#link';
import { type Clock, equalBytes, isAppError } from '#runtime';
import {
  checkIntroduction,
  checkJoining,
  checkName,
  type Introduction,
  signIntroduction,
  siteIdOf,
} from './introduction.ts';
import { decodeInvitation, type InvitationFields, invitationPurposes, invitationRoles } from './invitation-code.ts';
import { type Invitations, type OpenInvitation, staticFingerprint } from './invitations.ts';
import type { Links } from './links.ts';
import {
  agentInvitation,
  alreadyPaired,
  cutShort,
  invitationExpired,
  invitationUsed,
  inviterUnreachable,
  siteRemoved,
  wrongInviter,
} from './pairing-errors.ts';
import { isFullPair, joinAddresses, type Peer, type PeerFile } from './peers.ts';

export interface PairingDoorOptions {
  readonly identity: () => SiteIdentity;
  readonly settings: LinkSettings;
  readonly peers: PeerFile;
  readonly invitations: Invitations;
  /** This site's introduction, but for what the handshake decides. */
  readonly introduction: () => Introduction;
  /** Sites that the realm has removed. */
  readonly removedSites: () => readonly Uint8Array[];
  /** Every site of the realm, the removed ones among them. */
  readonly knownSites: () => readonly { readonly siteId: Uint8Array; readonly name: string }[];
  readonly links: () => Links;
  readonly clock: Clock;
}

/** Who holds keys, and who invited. */
type PairRoles = Pick<Peer, 'role' | 'ownRole' | 'weInvited'>;

/**
 * How two appliances come to know each other: through the door of an invitation, PROTOCOL.md section 6. Every step may be
 * repeated; a lost answer costs nothing.
 */
export class PairingDoor {
  readonly #options: PairingDoorOptions;

  constructor(options: PairingDoorOptions) {
    this.#options = options;
  }

  /** Goes through the door of an invitation; afterwards both ends know each other and show the same words. */
  async accept(code: string): Promise<Peer> {
    const { identity, introduction, links } = this.#options;
    const invitation = decodeInvitation(code);
    this.#checkInvitation(invitation);
    const { session, address } = await this.#dial(invitation);
    try {
      if (!equalBytes(staticFingerprint(session.remoteStatic), invitation.inviterFingerprint)) throw wrongInviter();
      const channel = session.mux.open('introduce');
      await channel.send(signIntroduction(identity(), session.handshakeHash, introduction()));
      const reply = await channel.receive();
      if (reply === undefined) throw cutShort();
      const role = invitation.role === invitationRoles.blind ? 'blind' : 'full';
      const peer = this.#take(session, reply, { role: 'full', ownRole: role, weInvited: false }, [address]);
      await channel.end();
      links().keep(peer.siteId);
      return peer;
    } finally {
      await session.mux.close();
    }
  }

  /** The inviter's side of the same; called when somebody came through the door. */
  welcome(invitation: OpenInvitation, session: DoorSession): void {
    const { identity, introduction, invitations, links } = this.#options;
    session.mux.serve('introduce', async (channel) => {
      const first = await channel.receive();
      if (first === undefined) return;
      const newcomer = checkIntroduction(first, session.handshakeHash, session.remoteStatic);
      const roles = { role: invitation.role, ownRole: 'full', weInvited: true } as const;
      // A site that is refused uses up nothing; one that finds the invitation used is told that first.
      if (!invitations.isFor(invitation.secret, newcomer.siteId)) throw invitationUsed();
      this.#checkNewcomer(newcomer, roles);
      invitations.use(invitation.secret, newcomer.siteId);
      const peer = this.#take(session, first, roles);
      await channel.send(signIntroduction(identity(), session.handshakeHash, introduction()));
      links().keep(peer.siteId);
    });
  }

  #checkInvitation(invitation: InvitationFields): void {
    if (invitation.purpose === invitationPurposes.agent) throw agentInvitation();
    if (invitation.expiresSeconds <= this.#options.clock.nowMs() / 1000) throw invitationExpired();
  }

  async #dial(invitation: InvitationFields): Promise<{ session: DoorSession; address: string }> {
    let failure: unknown;
    for (const address of invitation.addresses) {
      try {
        const session = await dialDoor(address, { psk: invitation.secret, purpose: 'pairing' }, this.#options.settings);
        return { session, address };
      } catch (error) {
        if (!isAppError(error)) throw error;
        failure = error;
      }
    }
    throw inviterUnreachable(invitation.addresses, failure);
  }

  #take(session: DoorSession, signed: Uint8Array, roles: PairRoles, reachedAt: readonly string[] = []): Peer {
    const introduction = checkIntroduction(signed, session.handshakeHash, session.remoteStatic);
    this.#checkNewcomer(introduction, roles);
    return this.#options.peers.put({
      ...roles,
      siteId: siteIdOf(introduction),
      name: introduction.name,
      identityKey: introduction.identityKey,
      secret: pairSecret(session.chainingKey, session.handshakeHash),
      // What the invitation led to comes first: a peer behind NAT does not know how it looks from outside.
      addresses: joinAddresses(reachedAt, introduction.addresses),
      addressesAreSet: false,
      words: sixWords(session.handshakeHash),
      confirmedHere: false,
      confirmedThere: false,
      joined: false,
      doorKey: introduction.doorKey,
      realmId: introduction.realmId,
      kitId: introduction.kitId,
      kitPublicKey: introduction.kitPublicKey,
      removed: false,
    });
  }

  /** Throws when this site and the one that introduced itself cannot be peers. */
  #checkNewcomer(introduction: Introduction, roles: PairRoles): void {
    const { peers, removedSites, knownSites } = this.#options;
    const own = this.#options.introduction();
    const isRemoved = (siteId: Uint8Array) => removedSites().some((one) => equalBytes(one, siteId));
    for (const site of [own, introduction]) if (isRemoved(site.siteId)) throw siteRemoved(site.name);
    const before = peers.findRemoved(introduction.siteId);
    if (before?.joined && isFullPair(before)) throw siteRemoved(introduction.name);
    const blind = roles.role === 'blind' || roles.ownRole === 'blind';
    checkJoining(own, introduction, blind ? 'blind' : 'full');
    const known = peers.find(introduction.siteId);
    if (known?.joined) throw alreadyPaired(known.name);
    checkName(introduction, [...peers.all(), ...knownSites().filter(({ siteId }) => !isRemoved(siteId))]);
  }
}
