import { join } from 'node:path';
import { handshakePublicOf, invitationSecret, type SiteIdentity } from '#keys';
import { type Clock, equalBytes, fromHex, type Random, toHex } from '#runtime';
import { sha256 } from '#wire';
import { encodeInvitation, invitationPurposes, invitationRoles } from './invitation-code.ts';
import type { Invitation, PeerRole } from './operations.ts';
import { readStateFile, writeStateFile } from './state-file.ts';
import type { StatePaths } from './state-folder.ts';

/** An open invitation: one door, for one site, until it expires. */
export interface OpenInvitation {
  readonly secret: Uint8Array;
  readonly role: PeerRole;
  /** For another machine, that is to be an agent of this name, and not for a site. */
  readonly agent?: string | undefined;
  readonly expiresSeconds: number;
  /** The site that came through; only it may come again, should its answer have been lost. */
  readonly usedBy: string | undefined;
}

/** A day: long enough for a colleague in another time zone, short for a code that lies in a chat. */
const lifetimeSeconds = 24 * 3600;
/** More at once than any admin needs. */
const openMax = 32;

/** The first 16 bytes of SHA-256 of a site's handshake key: what the invitation pins. */
export function staticFingerprint(handshakePublic: Uint8Array): Uint8Array {
  return sha256(handshakePublic).subarray(0, 16);
}

/** The invitations of this site, in one file that survives a restart. */
export class Invitations {
  readonly #file: string;
  readonly #clock: Clock;
  readonly #random: Random;
  #open: readonly OpenInvitation[];

  constructor(paths: StatePaths, clock: Clock, random: Random) {
    this.#file = join(paths.secret, 'invitations.json');
    this.#clock = clock;
    this.#random = random;
    this.#open = readStateFile(this.#file, damagedAdvice, decode) ?? [];
  }

  /** Opens a door for a site; the oldest one closes when there are too many. */
  make(identity: SiteIdentity, addresses: readonly string[], role: PeerRole): Invitation {
    return this.#make(identity, addresses, role, undefined);
  }

  /** Opens a door for another machine that is to be an agent of this name. */
  makeForAgent(identity: SiteIdentity, addresses: readonly string[], agent: string): Invitation {
    return this.#make(identity, addresses, 'full', agent);
  }

  /** Closes the doors that are open for an agent of this name. */
  withdrawForAgent(agent: string): void {
    this.#keep(this.current().filter((invitation) => invitation.agent !== agent));
  }

  current(): readonly OpenInvitation[] {
    const nowSeconds = this.#clock.nowMs() / 1000;
    return this.#open.filter((invitation) => invitation.expiresSeconds > nowSeconds);
  }

  /** Whether this site may use an invitation: nobody else did before. */
  isFor(secret: Uint8Array, siteId: Uint8Array): boolean {
    const invitation = this.current().find((one) => equalBytes(one.secret, secret));
    return invitation !== undefined && (invitation.usedBy === undefined || invitation.usedBy === toHex(siteId));
  }

  /** Binds an invitation to the site that came; false when another one came before. */
  use(secret: Uint8Array, siteId: Uint8Array): boolean {
    if (!this.isFor(secret, siteId)) return false;
    const invitation = this.current().find((one) => equalBytes(one.secret, secret));
    const usedBy = toHex(siteId);
    this.#keep(this.current().map((one) => (one === invitation ? { ...one, usedBy } : one)));
    return true;
  }

  #make(identity: SiteIdentity, addresses: readonly string[], role: PeerRole, agent: string | undefined): Invitation {
    const secret = invitationSecret(this.#random);
    const expiresSeconds = Math.floor(this.#clock.nowMs() / 1000) + lifetimeSeconds;
    const opened: OpenInvitation = { secret, role, agent, expiresSeconds, usedBy: undefined };
    this.#keep([...this.current().slice(1 - openMax), opened]);
    const code = encodeInvitation({
      addresses: [...addresses],
      inviterFingerprint: staticFingerprint(handshakePublicOf(identity.key.publicKey)),
      secret,
      role: agent === undefined ? invitationRoles[role] : 0,
      expiresSeconds,
      purpose: agent === undefined ? invitationPurposes.site : invitationPurposes.agent,
    });
    return { code, expiresAt: new Date(expiresSeconds * 1000).toISOString(), addresses };
  }

  #keep(open: readonly OpenInvitation[]): void {
    const invitations = open.map((one) => ({ ...one, secret: toHex(one.secret) }));
    writeStateFile(this.#file, { invitations });
    this.#open = open;
  }
}

const damagedAdvice = 'Remove this file: the invitations in it are void then, and new ones can be made.';

function decode(content: Readonly<Record<string, unknown>>): OpenInvitation[] {
  const invitations = content.invitations as (Omit<OpenInvitation, 'secret'> & { secret: string })[];
  return invitations.map((one) => ({ ...one, usedBy: one.usedBy, secret: fromHex(one.secret) }));
}
