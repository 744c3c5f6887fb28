import { asId } from '#model';
import type { Peer } from '../appliance/peers.ts';

const key = new Uint8Array(32).fill(5);

/** A peer that both admins have confirmed and that has joined, but for what a test wants otherwise. */
export function testPeer(differs: Partial<Peer> = {}): Peer {
  return {
    siteId: asId('SiteId', new Uint8Array(16).fill(2)),
    name: 'south',
    role: 'full',
    ownRole: 'full',
    identityKey: key,
    secret: key,
    addresses: [],
    addressesAreSet: false,
    words: [],
    confirmedHere: true,
    confirmedThere: true,
    weInvited: true,
    joined: true,
    doorKey: key,
    realmId: new Uint8Array(16),
    kitId: new Uint8Array(8),
    kitPublicKey: key,
    removed: false,
    ...differs,
  };
}
