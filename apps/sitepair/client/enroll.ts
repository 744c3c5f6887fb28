import { pairSecret, type SiteIdentity, siteFingerprint } from '#keys';
import { type DoorSession, dialDoor, type LinkSettings } from '#link';
import { type Clock, equalBytes, isAppError } from '#runtime';
import { enrollReplyCodec, signAgentIntroduction } from '../appliance/agent-introduction.ts';
import { checkIntroduction } from '../appliance/introduction.ts';
import { decodeInvitation, type InvitationFields, invitationPurposes } from '../appliance/invitation-code.ts';
import { staticFingerprint } from '../appliance/invitations.ts';
import {
  cutShort,
  invitationExpired,
  invitationRefused,
  inviterUnreachable,
  siteInvitation,
  wrongInviter,
} from '../appliance/pairing-errors.ts';
import { softwareVersion } from '../software-version.ts';
import { type AgentFolder, agentIdentity, checkFree, finishAgentFolder, keepIdentity } from './agent-folder.ts';
import { agentLinkSettings } from './agent-settings.ts';

export interface Enrolled {
  readonly agent: string;
  readonly site: string;
  /** Of the appliance's key, and of this machine's: "agent list" there shows it. */
  readonly fingerprint: string;
  readonly ownFingerprint: string;
  readonly addresses: readonly string[];
}

// As many as an invitation holds.
const addressesMax = 8;

/**
 * Makes this machine an agent: goes through the door of an invitation, after which both ends share a secret of their own.
 * A run that was cut may be repeated with the same code and folder.
 */
export async function enroll(stateFolder: string, code: string, clock: Clock): Promise<Enrolled> {
  const invitation = decodeInvitation(code);
  if (invitation.purpose !== invitationPurposes.agent) throw siteInvitation();
  if (invitation.expiresSeconds <= clock.nowMs() / 1000) throw invitationExpired();
  checkFree(stateFolder);
  const identity = agentIdentity(stateFolder);
  const { session, address } = await dial(invitation, agentLinkSettings(identity));
  try {
    if (!equalBytes(staticFingerprint(session.remoteStatic), invitation.inviterFingerprint)) throw wrongInviter();
    keepIdentity(stateFolder, identity);
    const agent = await introduce(session, identity, [address, ...invitation.addresses]);
    finishAgentFolder(stateFolder, agent);
    const { name, site, applianceKey, addresses } = agent;
    const fingerprint = siteFingerprint(applianceKey);
    const ownFingerprint = siteFingerprint(identity.key.publicKey);
    return { agent: name, site, fingerprint, ownFingerprint, addresses };
  } finally {
    await session.mux.close();
  }
}

async function introduce(
  session: DoorSession,
  identity: SiteIdentity,
  dialled: readonly string[],
): Promise<AgentFolder> {
  const { handshakeHash, chainingKey, remoteStatic } = session;
  const channel = session.mux.open('enroll');
  await channel.send(signAgentIntroduction(identity, handshakeHash, softwareVersion()));
  const bytes = await channel.receive();
  if (bytes === undefined) throw cutShort();
  const reply = enrollReplyCodec.decode(bytes);
  const appliance = checkIntroduction(reply.appliance, handshakeHash, remoteStatic);
  await channel.end();
  return {
    name: reply.name,
    site: appliance.name,
    siteId: appliance.siteId,
    applianceKey: appliance.identityKey,
    addresses: [...new Set([...dialled, ...appliance.addresses])].slice(0, addressesMax),
    identity,
    secret: pairSecret(chainingKey, handshakeHash),
  };
}

async function dial(
  { addresses, secret }: InvitationFields,
  settings: LinkSettings,
): Promise<{ readonly session: DoorSession; readonly address: string }> {
  let failure: unknown;
  for (const address of addresses) {
    try {
      return { session: await dialDoor(address, { psk: secret, purpose: 'agent' }, settings), address };
    } catch (error) {
      if (!isAppError(error)) throw error;
      failure = error;
    }
  }
  throw isAppError(failure, 'handshake_failed')
    ? invitationRefused(addresses, failure)
    : inviterUnreachable(addresses, failure);
}
