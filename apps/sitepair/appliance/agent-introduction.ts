import { handshakePublicOf, type SiteIdentity, sign, verify } from '#keys';
import { asId } from '#model';
import { AppError, concatBytes, equalBytes } from '#runtime';
import { codecOf } from '#wire';

/** `AgentIntroduction` of agent.proto. */
export interface AgentIntroduction {
  agentId: Uint8Array;
  identityKey: Uint8Array;
  softwareVersion: string;
}

const file = 'agent.proto';
const codec = codecOf<AgentIntroduction>(file, 'sitepair.agent.v1.AgentIntroduction');
const requestCodec = codecOf<{ introduction: Uint8Array; signature: Uint8Array }>(
  file,
  'sitepair.agent.v1.EnrollRequest',
);
/** `EnrollReply` of agent.proto. */
export const enrollReplyCodec = codecOf<{ appliance: Uint8Array; name: string }>(file, 'sitepair.agent.v1.EnrollReply');

const purpose = 'agent introduction';
const requestMaxBytes = 1024;

/** Says who wants to be an agent, bound to one handshake. */
export function signAgentIntroduction(
  identity: SiteIdentity,
  handshakeHash: Uint8Array,
  softwareVersion: string,
): Uint8Array {
  const { siteId: agentId, key } = identity;
  const introduction = codec.encode({ agentId, identityKey: key.publicKey, softwareVersion });
  const signature = sign(key, purpose, concatBytes([handshakeHash, introduction]));
  return requestCodec.encode({ introduction, signature });
}

/** Checks it like a site's introduction: size, fields, signature over this very handshake, and that its key made it. */
export function checkAgentIntroduction(
  request: Uint8Array,
  handshakeHash: Uint8Array,
  remoteStatic: Uint8Array,
): AgentIntroduction {
  if (request.length > requestMaxBytes) throw refused('it is too long');
  const { introduction: bytes, signature } = requestCodec.decode(request);
  const introduction = codec.decode(bytes);
  asId('SiteId', introduction.agentId);
  if (introduction.identityKey.length !== 32) throw refused('a key has a wrong length');
  if (!verify(introduction.identityKey, purpose, concatBytes([handshakeHash, bytes]), signature))
    throw refused('its signature is wrong');
  if (!equalBytes(handshakePublicOf(introduction.identityKey), remoteStatic))
    throw refused('its key is not the one of this connection');
  return introduction;
}

function refused(why: string): AppError {
  return new AppError(`the agent's introduction is refused: ${why}`, {
    code: 'introduction_refused',
    advice: 'Make a new invitation and try again; if it happens again, somebody may sit in between.',
  });
}
