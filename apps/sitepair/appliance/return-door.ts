import { readFileSync } from 'node:fs';
import { pairSecret, verify } from '#keys';
import type { DoorSession } from '#link';
import { AppError, concatBytes, equalBytes, toHex } from '#runtime';
import { codecOf } from '#wire';
import type { Appliance } from './appliance.ts';
import { signIntroduction } from './introduction.ts';
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
}

export const returnRequestCodec = codecOf<ReturnRequest>('pairing.proto', 'sitepair.pairing.v1.ReturnRequest');
export const returnReplyCodec = codecOf<ReturnReply>('pairing.proto', 'sitepair.pairing.v1.ReturnReply');
/** What the kit signs: the handshake and the key that the site goes on with. */
export const returnPurpose = 'return';

/**
 * Serves a burnt site that knocks with its kit's door key: checks that it really has the kit, gives it back what it was,
 * and takes its new key for the pair. What it then says of itself is the catalog's business.
 */
export function welcomeBack(appliance: Appliance, peer: Peer, session: DoorSession): void {
  const { peers, keys, realm, identity, links, paths, environment } = appliance;
  session.mux.serve('return', async (channel) => {
    const bytes = await channel.receive();
    if (bytes === undefined) return;
    const request = returnRequestCodec.decode(bytes);
    const known = peers.find(peer.siteId);
    if (known === undefined) throw notPaired();
    checkKit(appliance, peer, request, session.handshakeHash);
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
      sealedKeyring: readFileSync(paths.sealedKeyring),
      peer: signIntroduction(identity, session.handshakeHash, realm.introduction()),
      memberAddresses: otherAddresses(appliance, peer),
    };
    await channel.send(returnReplyCodec.encode(reply));
    // Whatever link the burnt machine still had is over: the site that returns has the pair now.
    await links.drop(peer.siteId, replaced());
    links.keep(peer.siteId);
    keys.refresh();
  });
}

/** Where the other members can be reached, by pairing or by their own word in the catalog: some may be peers of the site that returns. */
function otherAddresses({ peers, catalog, identity }: Appliance, returning: Peer): string[] {
  const known = [...peers.paired(), ...catalog.views.sites()];
  const others = known.filter(
    ({ siteId }) => !equalBytes(siteId, returning.siteId) && !equalBytes(siteId, identity.siteId),
  );
  return [...new Set(others.flatMap((one) => [...one.addresses]))].slice(0, 64);
}

function checkKit({ keys }: Appliance, peer: Peer, request: ReturnRequest, handshakeHash: Uint8Array): void {
  const kit =
    request.kitId.length === 8 ? keys.keyring.kits.find((one) => equalBytes(one.kitId, request.kitId)) : undefined;
  const signed = concatBytes([handshakeHash, request.newIdentityKey]);
  const fits =
    kit !== undefined &&
    !kit.voided &&
    equalBytes(kit.siteId, peer.siteId) &&
    request.newIdentityKey.length === 32 &&
    verify(kit.signingPublic, returnPurpose, signed, request.kitSignature);
  if (fits) return;
  throw new AppError('this recovery kit is not, or no longer, the kit of a site that is known here', {
    code: 'kit_refused',
    advice: `Use the newest recovery kit of the site that was lost; "sitepair key kit" makes older ones void.`,
  });
}

function replaced(): AppError {
  return new AppError('this site was rebuilt from its recovery kit elsewhere', {
    code: 'site_replaced',
    advice: 'If this machine is the old one, switch it off: the rebuilt site has taken its place.',
  });
}
