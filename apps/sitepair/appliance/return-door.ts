import { kitsInForce, pairSecret, sealKeyring, verify } from '#keys';
import type { DoorSession } from '#link';
import { AppError, concatBytes, equalBytes, toHex } from '#runtime';
import { codecOf } from '#wire';
import type { Appliance } from './appliance.ts';
import { signIntroduction } from './introduction.ts';
import { invitationRoles } from './invitation-code.ts';
import { notPaired } from './pairing-errors.ts';
import { joinAddresses, type Peer } from './peers.ts';

/** `ReturnRequest` and `ReturnReply` of pairing.proto. */
export interface ReturnRequest {
  kitId: Uint8Array;
  kitSignature: Uint8Array;
  newIdentityKey: Uint8Array;
  addresses: string[];
}
export interface ReturnReply {
  siteId: Uint8Array;
  name: string;
  sealedKeyring: Uint8Array;
  peer: Uint8Array;
  memberAddresses: string[];
  /** What the answering site is for the one that returns. */
  role: number;
}

export const returnRequestCodec = codecOf<ReturnRequest>('pairing.proto', 'sitepair.pairing.v1.ReturnRequest');
export const returnReplyCodec = codecOf<ReturnReply>('pairing.proto', 'sitepair.pairing.v1.ReturnReply');
/** What the kit signs: the handshake and the key that the site goes on with. */
export const returnPurpose = 'return';

/**
 * Serves a burnt site that knocks with its kit's door key: checks that it really has the kit, gives it back what it was,
 * and takes its new key for the pair. What it then says of itself is the catalog's business. A site that is blind for the
 * burnt one gives back what it keeps for it, sealed as it came.
 */
export function welcomeBack(appliance: Appliance, peer: Peer, session: DoorSession): void {
  const { peers, keys, realm, identity, links, environment } = appliance;
  session.mux.serve('return', async (channel) => {
    const bytes = await channel.receive();
    if (bytes === undefined) return;
    const request = returnRequestCodec.decode(bytes);
    const known = peers.find(peer.siteId);
    if (known === undefined) throw notPaired();
    const kit = checkKit(appliance, peer, request, session.handshakeHash);
    const sealedKeyring = await keptFor(appliance, peer, kit);
    peers.change(peer.siteId, {
      identityKey: request.newIdentityKey,
      secret: pairSecret(session.chainingKey, session.handshakeHash),
      // A site that returns may not know yet where it can be reached: what is known stays, above all what the admin has set.
      addresses: known.addressesAreSet ? known.addresses : joinAddresses(request.addresses, known.addresses),
    });
    environment.logger.info(
      { peer: peer.name, address: session.address, kit: toHex(request.kitId) },
      `${peer.name} is being rebuilt, from ${session.address} with its recovery kit ${toHex(request.kitId)}: if nobody is doing that, the kit is in wrong hands`,
    );
    const reply: ReturnReply = {
      siteId: peer.siteId,
      name: peer.name,
      sealedKeyring,
      peer: signIntroduction(identity, session.handshakeHash, realm.introduction()),
      memberAddresses: otherAddresses(appliance, peer),
      role: peer.ownRole === 'blind' ? invitationRoles.blind : invitationRoles.full,
    };
    await channel.send(returnReplyCodec.encode(reply));
    // Whatever link the burnt machine still had is over: the site that returns has the pair now.
    await links.drop(peer.siteId, replaced());
    links.keep(peer.siteId);
    keys.refresh();
  });
}

/** The sealed keyring for a site that returns; sealed anew to the kit that it has proved where this site can do that. */
async function keptFor(appliance: Appliance, peer: Peer, kitId: Uint8Array): Promise<Uint8Array> {
  const { keys, vaults, environment } = appliance;
  if (peer.ownRole === 'blind') return (await vaults.of(peer)).sealedKeyring();
  return sealKeyring(keys.keyring, environment.random, (kit) => equalBytes(kit.kitId, kitId));
}

/** Where the other members can be reached, by pairing or by their own word in the catalog: some may be peers of the site that returns. */
function otherAddresses({ peers, catalog, identity }: Appliance, returning: Peer): string[] {
  const known = [...peers.paired(), ...catalog.views.sites()];
  const others = known.filter(
    ({ siteId }) => !equalBytes(siteId, returning.siteId) && !equalBytes(siteId, identity.siteId),
  );
  return [...new Set(others.flatMap((one) => [...one.addresses]))].slice(0, 64);
}

/** Throws `kit_refused` unless the kit signed for the new key, and is one of the site's own; returns its id. */
function checkKit(appliance: Appliance, peer: Peer, request: ReturnRequest, handshakeHash: Uint8Array): Uint8Array {
  const publicKey = signingKeyOf(appliance, peer, request.kitId);
  const signed = concatBytes([handshakeHash, request.newIdentityKey]);
  const fits =
    publicKey !== undefined &&
    request.newIdentityKey.length === 32 &&
    verify(publicKey, returnPurpose, signed, request.kitSignature);
  if (fits) return request.kitId;
  throw new AppError('this recovery kit is not, or no longer, the kit of a site that is known here', {
    code: 'kit_refused',
    advice: `Use the newest recovery kit of the site that was lost; "sitepair key kit" makes older ones void.`,
  });
}

/**
 * The signing key of a kit of this peer that is in force: by the keyring that both share. Who is blind for the peer has its
 * word alone, from when they last talked; who has a blind peer keeps nothing that it could come back to.
 */
function signingKeyOf({ keys, peers }: Appliance, { siteId, ownRole, role }: Peer, kitId: Uint8Array) {
  const peer = peers.find(siteId);
  if (ownRole === 'blind') return peer !== undefined && equalBytes(peer.kitId, kitId) ? peer.kitPublicKey : undefined;
  if (role === 'blind') return undefined;
  return kitsInForce(keys.keyring, siteId).find((kit) => equalBytes(kit.kitId, kitId))?.signingPublic;
}

function replaced(): AppError {
  return new AppError('this site was rebuilt from its recovery kit elsewhere', {
    code: 'site_replaced',
    advice: 'If this machine is the old one, switch it off: the rebuilt site has taken its place.',
  });
}
